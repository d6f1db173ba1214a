"""What runs SQL: one file each."""
