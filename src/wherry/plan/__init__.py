"""Wanted versus built: steps, with reasons."""
