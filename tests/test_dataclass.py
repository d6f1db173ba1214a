"""Dataclasses with methods written late act as the standard library's."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from wherry.model.dataclass import dataclass

KINDS = [
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True, "order": True},
    {"slots": True, "kw_only": True},
    {"kw_only": True},
    {},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    name: str
    parts: tuple[int, ...] = ()


@dataclass(slots=True)
class Counted:
    rows: int = 0


def made(decorator: Callable[..., Any], kind: dict[str, bool]) -> Any:
    class Row:
        """A row."""

        key: int
        parts: list[int] = dataclasses.field(default_factory=list)
        seen: str = dataclasses.field(default="", compare=False, repr=False)
        within: int = dataclasses.field(default=7, init=False)
        found: list[int] = dataclasses.field(default_factory=list, init=False)

    return decorator(**kind)(Row)


def outcome(act: Callable[[], object]) -> object:
    """What ``act`` returns, or how it fails, without where the class stands."""
    try:
        return act()
    except Exception as error:
        return type(error), str(error).replace("made.<locals>.", "")


ACTS: dict[str, Callable[[Any], object]] = {
    "repr": lambda row: repr(row(key=1, parts=[2], seen="x")),
    "equal": lambda row: row(key=1, seen="a") == row(key=1, seen="b"),
    "unequal": lambda row: (row(key=1) == row(key=2), row(key=1) != row(key=2), row(key=1) == 1),
    "ordered": lambda row: row(key=1) < row(key=2),
    "hash": lambda row: hash(row(key=1, parts=(1,))) == hash(row(key=1, parts=(1,))),
    "in a set": lambda row: len({row(key=1, parts=()), row(key=1, parts=())}),
    "by place": lambda row: repr(row(1, [2])),
    "nothing given": lambda row: row(),
    "unknown given": lambda row: row(key=1, other=2),
    "set": lambda row: setattr(row(key=1), "key", 2),
    "delete": lambda row: delattr(row(key=1), "key"),
    "not given": lambda row: (row(key=1).within, row(key=1).found),
    "given all the same": lambda row: row(key=1, within=2),
    "replace": lambda row: repr(dataclasses.replace(row(key=1), key=3)),
    "asdict": lambda row: dataclasses.asdict(row(key=1, parts=[1])),
    "fields": lambda row: [(each.name, each.kw_only, each.compare) for each in dataclasses.fields(row)],
    "default of its own": lambda row: row(key=1).parts is row(key=1).parts,
    "copy": lambda row: repr(copy.copy(row(key=1, parts=[2]))),
    "deep copy": lambda row: repr(copy.deepcopy(row(key=1, parts=[2]))),
    "match": lambda row: row.__match_args__,
    "document": lambda row: row.__doc__,
    "place for others": lambda row: hasattr(row(key=1), "__dict__"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind) or "plain")
@pytest.mark.parametrize("act", ACTS)
def test_acts_as_the_standard_library(act: str, kind: dict[str, bool]) -> None:
    expected = outcome(lambda: ACTS[act](made(dataclasses.dataclass, kind)))
    assert outcome(lambda: ACTS[act](made(dataclass, kind))) == expected


@pytest.mark.parametrize("kind", [each for each in KINDS if each.get("frozen")], ids="-".join)
def test_nothing_else_is_set_on_what_is_frozen(kind: dict[str, bool]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'other'"):
        made(dataclass, kind)(key=1).other = 2


def test_a_subclass_has_the_fields_of_both() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class More(Kept):
        rows: int = 0

    first = Kept(name="a")
    assert repr(More(name="a", rows=2)).endswith("More(name='a', parts=(), rows=2)")
    assert More(name="a") != first
    assert More(name="a") == More(name="a")
    assert [each.name for each in dataclasses.fields(More)] == ["name", "parts", "rows"]


def test_methods_of_a_class_stay() -> None:
    @dataclass(frozen=True)
    class Said:
        word: str

        def __repr__(self) -> str:
            return f"<{self.word}>"

    assert repr(Said("yes")) == "<yes>"
    assert Said("yes") == Said("yes")


def test_what_follows_the_making_is_done() -> None:
    @dataclass(slots=True)
    class Doubled:
        rows: int
        twice: int = dataclasses.field(init=False, default=0)

        def __post_init__(self) -> None:
            self.twice = 2 * self.rows

    assert (Doubled(2).twice, Doubled(3).twice) == (4, 6)


def test_travels_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Kept(name="a", parts=(1,)))) == Kept(name="a", parts=(1,))
    assert pickle.loads(pickle.dumps(Counted(3))) == Counted(3)


def test_the_very_same_value_is_equal() -> None:
    @dataclass(frozen=True)
    class Ratio:
        value: float

    nan = float("nan")
    assert Ratio(nan) == Ratio(nan)
    assert Ratio(nan) != Ratio(float("nan"))


def test_what_may_change_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counted(1))
