"""Every verb explains itself."""

import pytest

from fixtures.commands import Wherry
from wherry.cli import VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_an_example_that_begins_with_it(verb: str, wherry: Wherry) -> None:
    answer = wherry(verb, "--help")
    assert answer.code == 0
    assert f"Example:  wherry {verb}" in answer.out
    assert "--json" in answer.out


def test_help_lists_every_verb_and_the_exit_codes(wherry: Wherry) -> None:
    answer = wherry("--help")
    for verb, about in VERBS.items():
        assert verb in answer.out
        assert about in answer.out
    assert "Exit codes: 0 done, 1" in answer.out


def test_a_verb_that_is_not_there_names_the_nearest(wherry: Wherry) -> None:
    answer = wherry("chekc")
    assert answer.code == 2
    assert "Did you mean `check`?" in answer.err
    assert wherry("zzzzzz").code == 2


def test_a_verb_that_is_not_there_is_a_document_too(wherry: Wherry) -> None:
    (finding,) = wherry("chekc", "--json").json["findings"]
    assert finding["code"] == "usage"
    assert "check" in finding["message"] + finding["hint"]


def test_version_is_told(wherry: Wherry) -> None:
    assert wherry("--version").out.startswith("wherry ")
