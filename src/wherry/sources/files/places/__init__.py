"""Where files lie: one module for each kind of address, with the same face."""
