"""One document laid over another: values and their places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfclip.recipe.merge import REMOVABLE, join, merge
from mfclip.recipe.messages import Problems
from mfclip.recipe.places import Document
from mfclip.recipe.source import parse

BASE = """
name = "base"
[vision]
use = "pair"
size = 1
[vision.image]
use = "eye"
dim = 16
[vision.noise]
use = "ear"
[[loss]]
use = "a"
[[loss]]
use = "b"
[text]
use = "scribe"
[text.deep]
x = 1
"""


def merged(over: str, base: str = BASE) -> Document:
    problems = Problems()
    document = merge(parse(base, "base"), parse(over, "over"), problems)
    assert not problems
    return document


def test_tables_are_joined_key_by_key():
    tree = merged("[vision]\nsize = 2\n[vision.image]\nbias = true\n").tree
    assert tree["vision"]["size"] == 2
    assert tree["vision"]["image"] == {"use": "eye", "dim": 16, "bias": True}
    assert tree["name"] == "base"


def test_another_part_drops_the_keys_of_the_first():
    tree = merged('[vision]\nuse = "single"\ndim = 2\n').tree
    assert tree["vision"] == {"use": "single", "dim": 2}


def test_the_same_part_keeps_them():
    tree = merged('[vision.image]\nuse = "eye"\nbias = true\n').tree
    assert tree["vision"]["image"] == {"use": "eye", "dim": 16, "bias": True}


def test_another_part_inside_a_part_leaves_the_outer_one_alone():
    tree = merged('[vision.image]\nuse = "ear"\n').tree
    assert tree["vision"] == {
        "use": "pair",
        "size": 1,
        "image": {"use": "ear"},
        "noise": {"use": "ear"},
    }


def test_lists_are_replaced():
    tree = merged('[[loss]]\nuse = "c"\n').tree
    assert tree["loss"] == [{"use": "c"}]


@pytest.mark.parametrize("name", REMOVABLE)
def test_false_removes_a_table_and_says_where(name):
    document = merged(f"\n{name} = false\n", f'name = "x"\n[{name}]\nuse = "y"\n')
    assert document.tree == {"name": "x"}
    assert str(document.removed[name]) == "over:2"


def test_a_removed_table_can_come_back():
    removed = merged("text = false")
    back = merge(removed, parse('[text]\nuse = "new"\n', "third"), Problems())
    assert back.tree["text"] == {"use": "new"}
    assert back.removed == {}


def test_false_elsewhere_is_a_value():
    assert merged("[vision]\nsize = false").tree["vision"]["size"] is False
    assert merged("name = false").tree["name"] is False


def test_each_value_keeps_the_place_where_it_was_written():
    over = '[vision]\nsize = 2\n[vision.image]\nuse = "ear"\n[[loss]]\nuse = "c"\n'
    document = merged(over)
    where = {
        ("name",): "base:2",
        ("vision",): "over:1",
        ("vision", "size"): "over:2",
        ("vision", "use"): "base:4",
        ("vision", "image", "use"): "over:4",
        ("vision", "noise"): "base:9",
        ("loss", 0, "use"): "over:6",
        ("text", "deep", "x"): "base:18",
    }
    assert {path: str(document.place(path)) for path in where} == where


def test_places_of_dropped_values_are_gone():
    document = merged('[vision]\nuse = "single"\n')
    assert ("vision", "image") not in document.places


KEYS = st.sampled_from(["use", "a", "b"])
TREES = st.recursive(
    st.integers(0, 2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


def in_words(under: Any, over: Any) -> Any:
    """The rules once more, written from their description."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    if "use" in under and "use" in over and under["use"] != over["use"]:
        return over
    result = dict(under)
    for key, value in over.items():
        result[key] = in_words(under[key], value) if key in under else value
    return result


@given(under=TREES, over=TREES)
def test_trees_follow_the_rules_whatever_they_hold(under, over):
    def document(tree: dict[str, Any]) -> Document:
        return Document(tree, parse("", "f").places)

    expected = in_words(under, over)
    assert merge(document(under), document(over), Problems()).tree == expected
    assert join(under, over) == expected
