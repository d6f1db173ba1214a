"""What happened: runs and events, in the lake's database."""
