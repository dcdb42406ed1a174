"""The mathematics of comparison. No I/O."""
