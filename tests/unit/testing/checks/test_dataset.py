"""Data sets that break one promise each, and the check that notices."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.parts import BuildContext, Dataset

HERE = Path(__file__).parent
FILES = sorted(file.name for file in HERE.glob("*.py"))


def rows(names: list[str], label: str = "real") -> Manifest:
    return Manifest(HERE, tuple(Row(Path(name), HierarchicalLabel(label)) for name in names))


class Shelf(Dataset):
    """A data set around a given function; any file will do, none is decoded."""

    use: Literal["shelf"] = "shelf"
    """Name of the part."""
    of: ClassVar[Callable[[], Manifest]] = lambda: rows(FILES)

    def build(self, context: BuildContext) -> Manifest:
        return type(self).of()


class Lenient(Shelf):
    """Forgets the checks of its base."""

    use: Literal["lenient"] = "lenient"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext):
        return ()


def shuffled() -> Manifest:
    # Every order but the sorted one, so that two builds never agree by chance.
    shuffled.turn += 1
    return rows(random.Random(shuffled.turn).sample(FILES, len(FILES)))


shuffled.turn = 0
BROKEN = [
    ("lists-images", lambda: rows([]), "the manifest has no rows"),
    ("lists-images", lambda: rows(FILES, "genuine"), "another label .* received 'genuine'"),
    ("lists-images", lambda: rows([*FILES, "gone.png"]), "1 of .* do not exist; .*gone.png"),
    ("lists-images", lambda: FILES, "gave no manifest; received a value of type list"),
    ("lists-the-same", shuffled, "two builds list different rows"),
]


@pytest.mark.parametrize(("name", "of", "message"), BROKEN)
def test_a_broken_data_set_is_caught(caught, name, of, message):
    broken = type("Broken", (Shelf,), {"of": of, "__module__": __name__})
    caught(name, broken, message, sound=Shelf)


BROKEN_CLASSES = [("shares-checked", Lenient, "does not refuse split = ")]


@pytest.mark.parametrize(("name", "part", "message"), BROKEN_CLASSES)
def test_forgotten_checks_are_caught(caught, name, part, message):
    caught(name, part, message, sound=Shelf)
