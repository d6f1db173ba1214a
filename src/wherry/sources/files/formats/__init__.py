"""Formats of files: one module each, with the same face, ``scan(job) -> Scan``."""
