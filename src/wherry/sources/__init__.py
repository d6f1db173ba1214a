"""Systems that data comes from: one file each."""
