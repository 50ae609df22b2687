"""check_part and part_checks: what they run, and what they say.

Nothing above the parts imports torch, so that the sound ones can pass every check.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import UsageError
from mfclip.parts import BuildContext, Dataset, Part
from mfclip.testing import Check, ConformanceError, check_part, part_checks
from mfclip.testing.catalogue import checks_of
from mfclip.testing.toys import (
    ToyAlignment,
    ToyCorruption,
    ToyDetector,
    ToyEncoder,
    ToyInput,
    ToyLocator,
    ToyLoss,
    ToyPrompts,
    ToyPseudoFake,
    ToyText,
)


class Shelf(Dataset):
    """A sound data set; any file will do, none is decoded."""

    use: Literal["shelf"] = "shelf"
    """Name of the part."""
    root: Path
    """Folder."""

    def build(self, context: BuildContext) -> Manifest:
        real = HierarchicalLabel("real")
        names = sorted(self.root.glob("*.py"))
        return Manifest(self.root, tuple(Row(Path(name.name), real) for name in names))


SOUND = (
    *(ToyEncoder, ToyDetector, ToyText, ToyPrompts, ToyAlignment, ToyLoss, ToyCorruption, ToyInput),
    *(ToyPseudoFake, ToyLocator),
    Shelf(root=Path(__file__).parent),
)


@pytest.mark.parametrize("part", SOUND, ids=lambda part: getattr(part, "__name__", "Shelf"))
def test_a_sound_part_of_each_kind_passes_everything(part):
    check_part(part)


def test_there_is_a_sound_part_for_every_check():
    schemas = [part if isinstance(part, type) else type(part) for part in SOUND]
    from mfclip.testing.catalogue import CATALOGUE

    assert {entry for schema in schemas for entry in checks_of(schema)} == set(CATALOGUE)


class Mute(ToyEncoder):
    def build(self, context: BuildContext) -> Any:
        raise OSError("no weights")


def test_everything_found_is_told_at_once():
    with pytest.raises(ConformanceError) as caught:
        check_part(Mute)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("encoder 'toy-encoder' (")
    assert first.endswith("Mute) breaks its contract:")
    assert lines[0].startswith("  documented: class Mute has no docstring; its first line is")
    # One cause is one line, however many checks it stops.
    assert len(lines) == 2
    assert lines[1].startswith("  builds, output-shape, batch-sizes, eval-deterministic, ")
    assert "OSError: no weights (test_suite.py:" in lines[1]
    assert {"documented", "builds"} <= {name for name, _ in caught.value.failures}


def test_checks_are_named_after_the_part():
    checks = part_checks(ToyEncoder(dim=4))
    assert [check.id for check in checks][:2] == ["toy-encoder-offerable", "toy-encoder-documented"]
    assert all(isinstance(check, Check) and check.part == ToyEncoder(dim=4) for check in checks)
    assert [check.name for check in checks] == [entry.name for entry in checks_of(ToyEncoder)]


def test_a_class_with_required_fields_is_asked_for_as_an_instance():
    with pytest.raises(UsageError) as caught:
        part_checks(Shelf)
    assert str(caught.value) == (
        "Shelf has no default for root, so it cannot be made from its class alone; "
        "give an instance: Shelf(root=...)"
    )


@pytest.mark.parametrize("wrong", [object(), int, "toy-encoder", Part])
def test_something_else_is_refused(wrong):
    with pytest.raises(UsageError, match="is no part; expected a subclass of one of"):
        check_part(wrong)


class Picky(ToyEncoder):
    """Takes images of one size."""

    use: Literal["picky"] = "picky"  # type: ignore[assignment]
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Any:
        from mfclip.parts import Misfit

        if context.image_size != 96:
            yield Misfit("", f"takes 96 pixels, got {context.image_size}")


def test_the_context_fits_the_part_unless_it_is_given():
    def builds(**context: Any) -> None:
        next(c for c in part_checks(Picky, **context) if c.name == "builds")()

    builds()
    with pytest.raises(ConformanceError, match="takes 96 pixels, got 64"):
        builds(context=BuildContext(image_size=64))


def test_random_state_is_left_alone():
    import torch

    state = torch.get_rng_state()
    for check in part_checks(ToyEncoder):
        if check.name != "compiles":
            check()
    assert torch.equal(torch.get_rng_state(), state)


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_loads_neither_torch_nor_pytest():
    heavy = "{'torch', 'numpy', 'pytest'} & set(sys.modules)"
    assert fresh(f"import sys, mfclip.testing; print({heavy} or 'light')") == "light"


def test_it_works_without_pytest():
    code = """
import sys
sys.modules["pytest"] = None
from mfclip.testing import check_part, parametrize_parts
from mfclip_losses.parts import CrossEntropy
from mfclip.testing import part_checks
for check in part_checks(CrossEntropy):
    if check.name != "compiles":
        check()
try:
    parametrize_parts(CrossEntropy)
except Exception as error:
    print(error)
"""
    assert fresh(code) == (
        "mfclip.testing.parametrize_parts needs an optional package: pip install 'mfclip[testing]'"
    )


def test_a_missing_validator_is_named(monkeypatch):
    from mfclip.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "jsonschema", None)
    check = next(c for c in part_checks(ToyEncoder) if c.name == "json-schema")
    with pytest.raises(MissingExtraError, match="'mfclip\\[testing\\]'"):
        check()
