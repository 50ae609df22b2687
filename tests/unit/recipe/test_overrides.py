"""``--set key=value``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfclip.recipe.messages import Problems
from mfclip.recipe.overrides import read_overrides
from mfclip.recipe.places import Place

ROOT = Place("recipe.toml", 1)

VALUES = {
    "a=2": 2,
    "a=2.5": 2.5,
    "a=true": True,
    'a="2"': "2",
    "a=[1, 2]": [1, 2],
    'a={ use = "x" }': {"use": "x"},
    "a=plain text": "plain text",
    "a=/data/faces": "/data/faces",
    "a=key=value": "key=value",
    "a=": "",
    "a=1\nb=2": "1\nb=2",
    " a =2": 2,
}


@pytest.mark.parametrize("text", VALUES)
def test_values_are_toml_or_else_text(text):
    problems = Problems()
    document = read_overrides([text], ROOT, problems)
    assert not problems
    assert document.tree == {"a": VALUES[text]}
    assert str(document.place(("a",))) == f"--set {text}"


def test_keys_are_dotted_and_numbers_count_items():
    document = read_overrides(["loss.0.weight=2", 'a."b.c"=1'], ROOT, Problems())
    assert document.tree == {"loss": {0: {"weight": 2}}, "a": {"b.c": 1}}


def test_the_last_word_counts():
    document = read_overrides(["a.b=1", "a.c=2", "a.b=3"], ROOT, Problems())
    assert document.tree == {"a": {"b": 3, "c": 2}}
    assert str(document.place(("a", "b"))) == "--set a.b=3"


def test_paths_start_at_the_current_directory(folder: Path):
    assert read_overrides(["a=x"], ROOT, Problems()).place(("a",)).folder == folder


@pytest.mark.parametrize("text", ["", "a", "=1", "a..b=1", "a b=1", "a.=1", "a\n=1", "[a]=1"])
def test_what_is_no_key_and_value_is_refused(text):
    problems = Problems()
    assert read_overrides([text], ROOT, problems).tree == {}
    (problem,) = problems.found
    shown = text.replace("\n", r"\n")
    assert str(problem) == (f"--set {shown}: expected key=value, like training.epochs=2")


def test_a_key_below_a_single_value_is_refused():
    problems = Problems()
    read_overrides(["a=1", "a.b.c=2"], ROOT, problems)
    assert [str(p) for p in problems.found] == [
        "--set a.b.c=2: a.b.c: 'a' was set to a single value before"
    ]


@given(st.text())
def test_no_text_brings_it_down(text):
    read_overrides([text, f"a={text}"], ROOT, Problems())
