"""SQL databases as sources: one file a database over a shared core.

``source.py`` is what all of them do for ``wherry.ports.Source``; ``full.py`` and ``incremental.py`` are the two modes;
``look.py`` is what a database must be able to do for them.
"""
