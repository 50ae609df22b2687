"""Which fields hold parts, tables and paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SerializeAsAny, create_model

from mfclip.parts import ImageEncoder, Loss
from mfclip.recipe.model import Recipe
from mfclip.recipe.settings import AugmentationSettings
from mfclip.recipe.slots import Slot, holds_path, parts_within, slot_of, slots, table_of
from mfclip_corruptions.parts import Blur, Jpeg


def field(annotation: Any) -> Any:
    """A field with this annotation, as pydantic keeps it."""
    return create_model("Holder", one=(annotation, ...)).model_fields["one"]


ONE, MANY = Slot(ImageEncoder, many=False), Slot(ImageEncoder, many=True)
SLOTS = [
    (ImageEncoder, ONE),
    (ImageEncoder | None, ONE),
    (SerializeAsAny[ImageEncoder], ONE),
    (SerializeAsAny[ImageEncoder] | None, ONE),
    (SerializeAsAny[ImageEncoder | None], ONE),
    (Annotated[ImageEncoder, Field(description="x")], ONE),
    (tuple[ImageEncoder, ...], MANY),
    (list[SerializeAsAny[ImageEncoder]], MANY),
    (tuple[SerializeAsAny[ImageEncoder], ...] | None, MANY),
    (int, None),
    (int | None, None),
    (tuple[int, ...], None),
    (tuple[ImageEncoder, ImageEncoder], None),
    (ImageEncoder | Loss, None),
    (dict[str, ImageEncoder], None),
    (Any, None),
]


@pytest.mark.parametrize(("annotation", "slot"), SLOTS)
def test_a_slot_is_a_field_of_a_part_base(annotation, slot):
    assert slot_of(field(annotation)) == slot


def test_tables_are_fields_of_other_models():
    class Table(BaseModel):
        x: int = 1

    assert table_of(field(Table)) is Table
    assert table_of(field(Table | None)) is Table
    assert table_of(field(ImageEncoder)) is None
    assert table_of(field(int)) is None
    assert table_of(field(list[Table])) is None


def test_the_slots_of_a_recipe():
    assert [name for name, _ in slots(Recipe)] == [
        "vision",
        "text",
        "prompts",
        "alignment",
        "detector",
        "loss",
        "input",
        "data",
    ]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Path, True),
        (Path | None, True),
        (tuple[Path, ...], True),
        (Annotated[Path, Field()] | None, True),
        (Path | Literal["memory"], False),
        (Path | Literal["disk"], True),
        (Path | str, False),
        (str, False),
    ],
)
def test_which_texts_are_paths(annotation, expected):
    assert holds_path(annotation, "memory") is expected


def test_parts_are_found_at_every_depth(read):
    recipe = read(
        '[vision]\nuse = "pair"\n[vision.image]\nuse = "pair"\n[[vision.others]]\nuse = "ear"\n'
    )
    assert [(path, part.use) for path, part in parts_within(recipe)] == [
        (("vision",), "pair"),
        (("vision", "image"), "pair"),
        (("vision", "image", "image"), "eye"),
        (("vision", "image", "noise"), "ear"),
        (("vision", "noise"), "ear"),
        (("vision", "others", 0), "ear"),
    ]


def test_parts_are_found_inside_tables():
    augmentation = AugmentationSettings(corruptions=(Blur(), Jpeg()))
    assert [(path, part.use) for path, part in parts_within(Recipe(augmentation=augmentation))] == [
        (("augmentation", "corruptions", 0), "blur"),
        (("augmentation", "corruptions", 1), "jpeg"),
    ]
