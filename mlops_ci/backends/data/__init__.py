"""Data sets and holdouts: read, counted, profiled."""
