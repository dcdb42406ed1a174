"""Releases served on this machine, each environment kept by a process of its own."""
