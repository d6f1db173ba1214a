"""What wherry finds wrong with a contract is what the standard's JSON Schema finds wrong, and at the same places.

Changes of the standard's examples, and of documents made up by its schema. ``WHERRY_DEEP=1``: thousands.
"""

import ast
import copy
import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fixtures.spoiling import VALUES, Sampler, spoil
from wherry.contracts.forms import problems
from wherry.contracts.standard import CONTRACT
from wherry.project.located import read_yaml

DEEP = os.environ.get("WHERRY_DEEP") == "1"
CHANGED, MADE_UP = (6000, 20_000) if DEEP else (300, 600)
#: What each key is given in turn.
FEW = VALUES if DEEP else (None, 2.5, "x", [], {"a": True})


@dataclass
class Verdict:
    """Where a JSON Schema finds something wrong."""

    #: What must be told.
    places: set[str] = field(default_factory=set)
    #: Keys that have no place in their mapping, or none because something else in it is wrong.
    strange: set[str] = field(default_factory=set)
    #: Where no form of several fits, with what each of the forms would ask; one of it must be told.
    choices: list[set[str]] = field(default_factory=list)


def below(path: str, key: object) -> str:
    return f"{path}/{key}" if path else str(key)


def path_of(error: Any) -> str:
    return "/".join(map(str, error.absolute_path))


def strange_keys(error: Any) -> set[str]:
    """The keys that an error says must not be there, with their paths."""
    keys: Iterable[str] = ()
    if error.validator == "additionalProperties":
        keys = [key for key in error.instance if key not in error.schema["properties"]]
    elif error.validator == "unevaluatedProperties":  # ... are not allowed ('a', 'b' were unexpected)
        keys = ast.literal_eval(f"[{error.message.partition('(')[2].rpartition(' w')[0]}]")
    elif error.validator == "not":
        keys = error.validator_value["required"]
    return {below(path_of(error), key) for key in keys}


def inner(error: Any) -> Iterator[str]:
    yield path_of(error)
    yield from strange_keys(error)
    for each in error.context:
        yield from inner(each)


def verdict(judge: Any, document: Any) -> Verdict:
    result = Verdict()
    for error in judge.iter_errors(document):
        if keys := strange_keys(error):
            result.strange |= keys
        elif error.validator in ("oneOf", "anyOf"):
            result.choices.append(set(inner(error)))
        else:
            result.places.add(path_of(error))
    return result


def is_at_or_below(path: str, above: str) -> bool:
    return not above or path == above or path.startswith(f"{above}/")


def disagreement(judge: Any, document: Any, words: set[str]) -> str:
    """How the two verdicts differ; empty when they do not."""
    ours = {problem.path for problem in problems(CONTRACT, document)}
    theirs = verdict(judge, document)
    wrong = theirs.places.union(*theirs.choices)
    if bool(ours) != bool(wrong | theirs.strange):
        return f"valid is {not ours}, by the schema {not (wrong | theirs.strange)}"
    if extra := ours - wrong - theirs.strange:
        return f"only ours: {extra}"

    def unjudged(path: str) -> bool:
        """What lies below a key that must not be there need not be looked at."""
        return any(path != key and is_at_or_below(path, key) for key in theirs.strange & ours)

    def follows(path: str) -> bool:
        """A schema forgets the keys of a part that does not fit, so that they look unknown where they are not."""
        mapping, _, key = path.rpartition("/")
        deeper = {each for each in theirs.strange & ours if each.rpartition("/")[0] != mapping}
        return key in words and any(is_at_or_below(each, mapping) for each in wrong | deeper)

    missed = {path for path in theirs.places - ours if not unjudged(path)}
    missed |= {path for path in theirs.strange - ours if not unjudged(path) and not follows(path)}
    missed |= {min(choice) for choice in theirs.choices if not choice & ours and not unjudged(min(choice))}
    return f"only by the schema: {missed}" if missed else ""


def names(schema: Any) -> Iterator[str]:
    """Every key that a schema has a word about."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for each in schema.values():
            yield from names(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from names(each)


@pytest.fixture(scope="module")
def schema() -> Any:
    from services import REFERENCE

    return json.loads((REFERENCE / "oracles/odcs/schema/odcs-json-schema-v3.1.0.json").read_text())


def examples(reference: Path) -> list[Any]:
    paths = sorted((reference / "oracles" / "odcs" / "examples").rglob("*.yaml"), key=lambda path: path.stat().st_size)
    assert len(paths) == 18
    return [read_yaml(path.read_text(), file="").value for path in paths]


@pytest.mark.needs("reference")
def test_the_examples_are_valid_by_both(reference: Path, schema: Any) -> None:
    judge = jsonschema.Draft201909Validator(schema)
    for document in examples(reference):
        assert problems(CONTRACT, document) == () and judge.is_valid(document)


@pytest.mark.needs("reference")
@pytest.mark.parametrize("made_up", [False, True], ids=["examples", "made up"])
def test_verdicts_on_changed_documents_are_those_of_the_schema(reference: Path, schema: Any, made_up: bool) -> None:
    judge = jsonschema.Draft201909Validator(schema)
    r = random.Random(7)
    words = set(names(schema))
    exclusive = [key for part in schema["$defs"]["DataQualityOperators"]["oneOf"] for key in part["required"]]
    sampler = Sampler(schema, r)
    whole = examples(reference)
    seen: Counter[object] = Counter()
    for number in range(MADE_UP if made_up else CHANGED):
        # The largest example, of 5,300 lines, takes the schema half a second each time.
        example = whole[-1 if number % 90 == 0 else number % 17]
        document = sampler.document(schema) if made_up else copy.deepcopy(example)
        for _ in range(r.choice((0, 1, 2, 3)) if made_up else r.randint(1, 3)):
            change, depth = spoil(document, r, sorted(words), exclusive)
            seen.update([change, depth])
        told = disagreement(judge, document, words)
        assert not told, f"{number}: {told}\n{json.dumps(document)}"
        seen["invalid" if problems(CONTRACT, document) else "valid"] += 1  # by both
    assert min(seen[each] for each in ("valid", "invalid", "drop", "unknown", "retype", "word", "exclusive")) > 20
    assert min(seen[each] for each in ("empty", "misspell", "foreign", "grow", "again", "shrink")) > 20
    assert min(seen[depth] for depth in range(7)) > 10, seen


@pytest.mark.needs("reference")
def test_verdicts_on_every_key_of_the_standard_are_those_of_the_schema(schema: Any) -> None:
    """Chance leaves out much: here each key has each kind of value, is missing, and is where it should not be."""
    judge = jsonschema.Draft201909Validator(schema)
    words = set(names(schema))
    seen: Counter[bool] = Counter()
    for document in Sampler(schema, random.Random(7), FEW).probes(schema, lambda each: each, set()):
        told = disagreement(judge, document, words)
        assert not told, f"{told}\n{json.dumps(document)}"
        seen[not problems(CONTRACT, document)] += 1  # by both
    assert min(seen.values()) > 1000 and len(seen) == 2, seen
