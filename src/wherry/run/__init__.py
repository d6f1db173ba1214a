"""Carry a plan out: load, build, check, publish."""
