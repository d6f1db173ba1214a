"""A folder of small files becomes a Graph; users' code is read, never imported."""
