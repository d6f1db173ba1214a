"""The lake: Iceberg tables on branches, behind a catalog of pointers.

``wherry.lake.lake.Lake`` is the way in. Nothing heavy is loaded before it is asked for.
"""
