"""The modern data stack in one package: a folder of SQL becomes a checked, branching, open lakehouse."""

from wherry.author import Table, table

__version__ = "0.1.0"
__all__ = ["Table", "table"]
