"""DuckDB: what wherry uses of the native module in DuckDB's Python package.

The package around that module reads what is installed for the number of its own version, and makes types of DB-API:
as long again as loading the engine. `import duckdb` gives the same classes.
"""

from _duckdb import BinderException as BinderException
from _duckdb import CatalogException as CatalogException
from _duckdb import DuckDBPyConnection as DuckDBPyConnection
from _duckdb import DuckDBPyRelation as DuckDBPyRelation
from _duckdb import Error as Error
from _duckdb import InterruptException as InterruptException
from _duckdb import InvalidInputException as InvalidInputException
from _duckdb import IOException as IOException
from _duckdb import OutOfRangeException as OutOfRangeException
from _duckdb import ParserException as ParserException
from _duckdb import __version__ as __version__
from _duckdb import connect as connect
from _duckdb import sqltype as sqltype
from _duckdb import tokenize as tokenize
