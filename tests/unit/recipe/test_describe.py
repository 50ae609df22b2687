"""Docstrings of fields, held against pydantic's own way of collecting them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from mfclip.parts import Loss
from mfclip.plugins.discovery import discover
from mfclip.recipe.describe import field_docs
from mfclip.recipe.settings import TrainingSettings


class Documented(BaseModel):
    """With every way to say what a field is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    plain: int = 1
    """Said below."""
    silent: int = 2
    stated: int = Field(default=3, description="Said in the field.")
    both: int = Field(default=4, description="The field wins.")
    """Not this."""
    long: int = 5
    """First line.

    More.
    """
    constant: ClassVar[int] = 6
    """No field."""


class Heir(Documented):
    """With a field of its own, and one said anew."""

    plain: int = 7
    """Said again."""
    own: int = 8
    """Own."""


@pytest.mark.parametrize("schema", [Documented, Heir])
def test_the_same_as_pydantic_finds(schema):
    expected = {n: f.description for n, f in schema.model_fields.items() if f.description}
    # pydantic forgets what a parent says of a field that the child does not mention.
    assert expected.items() <= field_docs(schema).items()
    assert "silent" not in field_docs(schema)
    assert "constant" not in field_docs(schema)


def test_docstrings_come_down_from_parents():
    assert field_docs(Heir)["long"] == "First line.\n\nMore."
    assert field_docs(Heir)["plain"] == "Said again."
    assert field_docs(Loss)["weight"] == "Factor of this term in the sum."


def test_classes_inside_functions_are_found_too():
    class Local(BaseModel):
        x: int = 1
        """Local."""

    assert field_docs(Local) == {"x": "Local."}


def test_a_schema_without_source_has_no_docs(tmp_path: Path, monkeypatch):
    file = tmp_path / "vanished.py"
    file.write_text(
        "from pydantic import BaseModel\nclass Gone(BaseModel):\n    x: int = 1\n    'x'\n"
    )
    spec = importlib.util.spec_from_file_location("vanished", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "vanished", module)
    spec.loader.exec_module(module)
    file.unlink()
    assert field_docs(module.Gone) == {}


def test_every_shipped_field_says_what_it_is():
    schemas = [offer.schema for offer in discover().offers]
    assert len(schemas) >= 10
    for schema in [*schemas, TrainingSettings]:
        assert set(schema.model_fields) == set(field_docs(schema)), schema
