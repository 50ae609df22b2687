"""TOML files that cannot be read say where and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.errors import RecipeError
from mfclip.recipe.source import load, parse

SYNTAX = {
    "no value": ("a = 1\nb =\n", "f.toml:2: not valid TOML: invalid value, column 4\n    b ="),
    "twice": (
        "a = 1\na = 2\n",
        "f.toml:2: not valid TOML: cannot overwrite a value, column 6\n    a = 2",
    ),
    "open string": (
        'x = 1\na = """\n',
        'f.toml:2: not valid TOML: unterminated string\n    a = """',
    ),
    "bare word": (
        "[vision]\nuse = cvit\n",
        "f.toml:2: not valid TOML: invalid value, column 7\n    use = cvit",
    ),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_a_syntax_error_shows_its_line(case):
    text, message = SYNTAX[case]
    with pytest.raises(RecipeError) as caught:
        parse(text, "f.toml")
    assert str(caught.value) == message


def test_a_hostile_depth_is_refused():
    with pytest.raises(RecipeError, match=r"^f\.toml:1: not a recipe: nested too deeply"):
        parse("a = " + "[" * 100_000, "f.toml")


def test_a_file_that_is_no_text_names_the_line(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(RecipeError, match=r"^f:2: not UTF-8 text: byte 11$"):
        load(file, "f")


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(RecipeError, match=r"^f: cannot be read: Is a directory$"):
        load(tmp_path, "f")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert load(file).tree == {"a": 1}


def test_a_value_knows_its_file_line_and_folder(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("[a]\nb = 1\n")
    place = load(file).place(("a", "b"))
    assert str(place) == f"{file}:2"
    assert place.folder == tmp_path
    assert str(parse("x = 1", "f").place(())) == "f:1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n" + "a." * 100 + "a = 1", 2),
        ("x = 1\n[" + "'a' . " * 100 + "a]", 2),
        ("a = " + "{a=" * 70 + "1" + "}" * 70, 1),
    ],
    ids=["key", "header", "inline tables"],
)
def test_a_hostile_depth_names_its_line(text, line):
    with pytest.raises(RecipeError, match=rf"^f\.toml:{line}: not a recipe: nested too deeply"):
        parse(text, "f.toml")


def test_many_names_side_by_side_are_no_depth():
    text = "a.b.c = '" + "x." * 60 + "'\n" + "\n".join(f"k{n} = {n}" for n in range(500))
    assert len(parse(text, "f.toml").tree) == 501


def test_a_file_too_large_to_be_a_recipe_is_not_read(tmp_path: Path):
    file = tmp_path / "f.toml"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(RecipeError, match=r"not a recipe: 1099511627776 bytes; at most 262144"):
        load(file)


def test_an_integer_of_thousands_of_digits_is_no_toml():
    with pytest.raises(RecipeError, match=r"^f\.toml: not valid TOML: Exceeds the limit"):
        parse("a = " + "9" * 5000, "f.toml")


def test_what_does_not_print_is_escaped():
    with pytest.raises(RecipeError) as caught:
        parse("x = \x1b[31m", "f.toml")
    assert "\x1b" not in str(caught.value)
    assert r"x = \x1b[31m" in str(caught.value)
