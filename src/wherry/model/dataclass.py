"""`@dataclass` that compiles nothing while modules are imported.

The standard library's compiles six methods for each class there, a third of a millisecond, and a command imports a
hundred classes. Here five are the same functions for all classes, and how an instance is made is compiled with the
first one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as _standard
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # types are checked as the standard library's
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, order=False):
        """As `dataclasses.dataclass` says; `fields`, `replace`, `asdict` and subclasses work the same."""

        def decide(cls):
            own = vars(cls).keys()
            cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library makes one of the signature
            made = _standard(slots=slots, kw_only=kw_only, init=False, repr=False, eq=False)(cls)
            methods = {"__init__": _first(made, slots), "__repr__": _repr, **_compared(made, frozen, order)}
            if frozen:
                methods |= {"__setattr__": _set, "__delattr__": _delete, "__setstate__": _fill}
            for name, method in methods.items():
                if name not in own:
                    setattr(made, name, method)
            return made

        return decide if cls is None else decide(cls)


def _first(made: type, slots: bool) -> Callable[..., None]:
    """An ``__init__`` that puts the compiled one into its place."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        compiled: Any = _compiled(made, slots)
        made.__init__ = compiled  # type: ignore[misc]
        compiled(self, *given, **named)

    return __init__


def _compiled(made: Any, slots: bool) -> Callable[..., None]:
    """Sets what is given, and to their defaults the fields that are not."""
    by_place, by_name, body = ["self"], list[str](), list[str]()
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    for each in fields(made):
        value, default = each.name, ""
        if each.default_factory is not MISSING:
            known[f"_make_{each.name}"] = each.default_factory
            value, default = f"_make_{each.name}() if {each.name} is _missing else {each.name}", "=_missing"
        elif each.default is not MISSING:
            known[f"_default_{each.name}"] = each.default
            default = f"=_default_{each.name}"
        if each.init:
            (by_name if each.kw_only else by_place).append(each.name + default)
        elif each.default_factory is not MISSING:
            value = f"_make_{each.name}()"
        elif slots and each.default is not MISSING:
            value = f"_default_{each.name}"
        else:
            continue  # the class has it
        body.append(f"_set(self, {each.name!r}, {value})")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    heads = ", ".join([*by_place, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({heads}):\n " + "\n ".join(body or ["pass"]), known)
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    return known["__init__"]  # type: ignore[no-any-return]


def _compared(made: Any, frozen: bool, order: bool) -> dict[str, Any]:
    """The methods that look at the values of two instances."""
    values = _values([each.name for each in fields(made) if each.compare])

    def compare(by: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def method(self: Any, other: Any) -> Any:
            return by(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

        return method

    def __eq__(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    ordered = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge} if order else {}
    # No hash for what is equal by values that may change.
    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None, **{n: compare(by) for n, by in ordered.items()}}


def _values(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if len(names) > 1 else lambda self: tuple(getattr(self, name) for name in names)


def _repr(self: Any) -> str:
    told = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({told})"


def _set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _fill(self: Any, state: Any) -> None:
    """What `copy` and `pickle` fill a new instance with."""
    for values in state if isinstance(state, tuple) else (state,):
        for name, value in (values or {}).items():
            object.__setattr__(self, name, value)
