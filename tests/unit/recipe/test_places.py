"""Places of values that were written, and of values that were not."""

from __future__ import annotations

from mfclip.recipe.places import Document, Place, dotted
from mfclip.recipe.source import parse

TEXT = "[a]\n[a.b]\nc = 1\n[a.d]\n"


def test_paths_are_shown_dotted():
    assert dotted(("loss", 1, "weight")) == "loss.1.weight"


def test_a_value_that_nobody_wrote_is_blamed_on_the_table_around_it():
    document = parse(TEXT, "f")
    assert str(document.place(("a", "b", "absent"))) == "f:2"
    assert str(document.place(("nowhere", "x"))) == "f:1"


def test_a_part_of_a_document_keeps_its_lines():
    below = parse(TEXT, "f").below(("a", "b"))
    assert below.tree == {"c": 1}
    assert str(below.place(())) == "f:2"
    assert str(below.place(("c",))) == "f:3"
    assert set(below.places) == {(), ("c",)}


def test_the_command_line_has_no_lines():
    place = Place("--set a=1")
    assert str(Document({}, {(): place}).place(("a",))) == "--set a=1"
