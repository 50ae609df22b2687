"""The line of every key, held against the standard library's idea of the keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from mfclip.recipe.places import KeyPath
from mfclip.recipe.toml_lines import key_lines

KEYS = st.text(min_size=1, max_size=8)
LEAVES = (
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.dates()
    | st.lists(st.text(max_size=5), max_size=3)
)
TABLES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=4),
    lambda inner: st.dictionaries(
        KEYS, inner | LEAVES | st.lists(inner, min_size=1, max_size=3), max_size=4
    ),
    max_leaves=12,
)


def paths(node: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path of a parsed document."""
    items: Any = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))


@given(tree=TABLES, multiline=st.booleans())
def test_every_key_that_the_parser_sees_has_a_line(tree, multiline):
    text = tomli_w.dumps(tree, multiline_strings=multiline)
    assert set(key_lines(text)) == set(paths(tomllib.loads(text)))


@given(tree=TABLES)
def test_a_key_stands_on_its_line(tree):
    text = tomli_w.dumps(tree)
    lines = text.split("\n")
    for path, line in key_lines(text).items():
        if isinstance(path[-1], str):
            key = tomli_w.dumps({path[-1]: 0}).removesuffix(" = 0\n")
            assert key in lines[line - 1]


NUMBERED = '''\
top = 1                                                    # 1
"quoted.key".'plain' = """                                 # 2
in_text = 1
[in_text]
""" # 5
multi = [ # 6
  1, # 7, ] "
  { a = 1, b.c = "}#" }, # 8
  [ 2, 3 ], # 9
]
inline = { x = 1, y = { z = [] } } # 11
[one.two] # 12
deep = 'a#b' # 13
[one] # 14
\tkey = 1979-05-27 07:32:00 # 15
[[list]] # 16
use = "a" # 17
[list.sub] # 18
v = 1 # 19
[[list.inner]] # 20
[[list]] # 21
use = "b" # 22
[[list.inner]] # 23
w = \'\'\'x''\'\'\' # 24
[[list.inner]] # 25
w = """y\\"""" # 26
[list.sub] # 27
v.t = -inf # 28
'''
EXPECTED = {
    ("top",): 1,
    ("quoted.key", "plain"): 2,
    ("multi",): 6,
    ("multi", 0): 7,
    ("multi", 1): 8,
    ("multi", 1, "b", "c"): 8,
    ("multi", 2, 1): 9,
    ("inline", "y", "z"): 11,
    ("one", "two"): 12,
    ("one", "two", "deep"): 13,
    ("one",): 14,
    ("one", "key"): 15,
    ("list",): 16,
    ("list", 0): 16,
    ("list", 0, "use"): 17,
    ("list", 0, "sub", "v"): 19,
    ("list", 0, "inner", 0): 20,
    ("list", 1): 21,
    ("list", 1, "use"): 22,
    ("list", 1, "inner", 0, "w"): 24,
    ("list", 1, "inner", 1): 25,
    ("list", 1, "inner", 1, "w"): 26,
    ("list", 1, "sub"): 27,
    ("list", 1, "sub", "v", "t"): 28,
}


@pytest.mark.parametrize("path", EXPECTED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_of_every_form_that_toml_has(path, newline):
    text = NUMBERED.replace("\n", newline)
    tomllib.loads(text)
    assert key_lines(text)[path] == EXPECTED[path]


def test_an_empty_text_has_no_keys():
    assert key_lines("\n# nothing\n") == {}
