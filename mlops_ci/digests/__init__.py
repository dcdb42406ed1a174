"""Digests: what names a model and everything that decides it. No DVC, no network, no clock."""
