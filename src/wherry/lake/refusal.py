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


class Unsupported(Refused):
    """An answer of the token endpoint, which speaks OAuth's language instead."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "unsupported_grant_type", message)

    def body(self) -> dict[str, Any]:
        return {"error": self.kind, "error_description": str(self)}


def no_table(name: str) -> Refused:
    return Refused(404, "NoSuchTableException", f"there is no table {name}")


def no_view(name: str) -> Refused:
    return Refused(404, "NoSuchViewException", f"there is no view {name}")


def no_namespace(name: str) -> Refused:
    return Refused(404, "NoSuchNamespaceException", f"there is no schema {name}")


def exists(what: str) -> Refused:
    return Refused(409, "AlreadyExistsException", f"{what} exists already")


def lost(message: str) -> Refused:
    return Refused(409, "CommitFailedException", message)


def bad(message: str) -> Refused:
    return Refused(400, "BadRequestException", message)


def unsupported(message: str) -> Refused:
    return Refused(406, "UnsupportedOperationException", message)
