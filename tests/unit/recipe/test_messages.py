"""How problems are told."""

from __future__ import annotations

import pytest

from mfclip.errors import RecipeError
from mfclip.parts import BASES, Encoder, ImageEncoder, TextEncoder
from mfclip.recipe.messages import Problem, Problems, a, on_offer, role, shown
from mfclip.recipe.places import Place

SHOWN = {
    "true": True,
    "3": 3,
    "2.5": 2.5,
    "'text'": "text",
    "[1, 'a', true, [2]]": [1, "a", True, [2]],
    "a table": {"use": "x"},
    "[a table]": [{}],
}


@pytest.mark.parametrize("text", SHOWN)
def test_values_look_as_in_a_recipe(text):
    assert shown(SHOWN[text]) == text


def test_long_values_are_cut():
    assert shown("x" * 100) == "'" + "x" * 58 + "…"
    assert len(shown(list(range(100)))) == 60


def test_every_base_has_a_name():
    assert role(ImageEncoder) == "image encoder"
    assert role(TextEncoder) == "text encoder"
    assert role(Encoder) == "encoder"
    assert [a(role(base)) for base in BASES.values()] == [
        "an encoder",
        "a prompts part",
        "an alignment",
        "a loss",
        "a detector",
        "a dataset",
        "a corruption",
        "an input",
        "a pseudo-fake",
        "a locator",
    ]


def test_nothing_on_offer_is_said():
    assert on_offer((), "loss") == "on offer: no loss, by any installed plugin"


def test_a_problem_without_a_path_and_with_notes():
    problem = Problem(Place("f", 3), (), "is wrong", ("note: a", "note: b"))
    assert str(problem) == "f:3: is wrong\n    note: a\n    note: b"


def test_problems_come_by_file_and_line_and_once_each():
    problems = Problems()
    problems.at(Place("--set x=1"), (), "x")
    for origin, line in [("b", 9), ("a", 2), ("b", 3), ("b", 9)]:
        problems.at(Place(origin, line), (), "x")
    with pytest.raises(RecipeError) as caught:
        problems.raise_any()
    assert str(caught.value) == "b:3: x\nb:9: x\na:2: x\n--set x=1: x"


def test_no_problems_raise_nothing():
    assert not Problems()
    Problems().raise_any()
