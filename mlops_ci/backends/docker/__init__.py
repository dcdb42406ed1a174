"""Releases served as containers of this machine."""
