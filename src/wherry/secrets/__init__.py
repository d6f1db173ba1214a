"""Where secrets are kept beside the environment: one file per kind of store.

Each has ``secret(address, name, variables) -> str | None``: the secret of that name, None when the store has none.
"""
