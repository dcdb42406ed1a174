"""What script/demo plays, part by part."""
