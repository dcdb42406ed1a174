"""Frozen records that cross module borders. They import nothing of ours but errors."""
