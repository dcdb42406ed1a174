"""DVC, by its command line."""
