"""`@dataclass` whose methods are written when one of them is first called.

The standard library's compiles six methods for each class while its module is imported, a third of a millisecond. A
command imports a hundred such classes and makes instances of a third of them.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, field, fields, make_dataclass
from dataclasses import dataclass as _standard
from typing import TYPE_CHECKING, Any

_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # types are checked as the standard library's
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, order=False):
        """As `dataclasses.dataclass` says; `fields`, `replace`, `asdict` and subclasses work the same."""

        def decide(cls):
            made = _standard(slots=slots, kw_only=kw_only, init=False, repr=False, eq=False)(cls)
            methods = {"__init__", "__repr__", "__eq__"} - vars(cls).keys()
            methods |= {*(["__hash__"] if frozen else []), *(_ORDER if order else [])}
            for name in methods:
                setattr(made, name, _later(made, name, methods, {"frozen": frozen, "slots": slots, "order": order}))
            if frozen:
                made.__setattr__, made.__delattr__, made.__setstate__ = _set, _delete, _fill
            else:
                made.__hash__ = None  # equal by what may change
            return made

        return decide if cls is None else decide(cls)


def _later(made: type, name: str, methods: set[str], kind: dict[str, Any]) -> Any:
    """A method that has all of them written when it is called, and is one of them from then on."""

    def write(self: Any, *given: Any, **named: Any) -> Any:
        written = _written(made, kind)
        for each in methods:
            setattr(made, each, getattr(written, each))
        return getattr(written, name)(self, *given, **named)

    write.__name__, write.__qualname__ = name, f"{made.__qualname__}.{name}"
    return write


def _written(made: Any, kind: dict[str, Any]) -> type:
    """A class of the standard library's making that has the same fields, for its methods."""
    copied = ("default", "default_factory", "init", "repr", "hash", "compare", "kw_only")
    told = [(each.name, each.type, field(**{name: getattr(each, name) for name in copied})) for each in fields(made)]
    after = {"__post_init__": made.__post_init__} if hasattr(made, "__post_init__") else {}
    return make_dataclass(made.__name__, told, **kind, namespace=after)


def _set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _fill(self: Any, state: Any) -> None:
    """What `copy` and `pickle` fill a new instance with."""
    for values in state if isinstance(state, tuple) else (state,):
        for name, value in (values or {}).items():
            object.__setattr__(self, name, value)
