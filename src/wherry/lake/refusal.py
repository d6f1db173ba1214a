"""An answer of the catalog that is not a success."""

from typing import Any


class Refused(Exception):
    """The catalog says no."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        #: A name of the Iceberg REST protocol: ``NoSuchTableException``, ``CommitFailedException``...
        self.kind = kind

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.kind, "code": self.status}}


def no_table(name: str) -> Refused:
    return Refused(404, "NoSuchTableException", f"there is no table {name}")


def no_namespace(name: str) -> Refused:
    return Refused(404, "NoSuchNamespaceException", f"there is no schema {name}")


def exists(what: str) -> Refused:
    return Refused(409, "AlreadyExistsException", f"{what} exists already")


def lost(message: str) -> Refused:
    return Refused(409, "CommitFailedException", message)


def bad(message: str) -> Refused:
    return Refused(400, "BadRequestException", message)
