"""Releases served by KServe."""
