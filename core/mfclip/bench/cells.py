"""One cell of a grid: one training, with the files it leaves and what tells whether it is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mfclip.bench.experiments import Condition, Experiment
from mfclip.bundle.description import BundleJson, needs_of, parse, versions
from mfclip.errors import BundleError, MfclipError, in_one_line
from mfclip.files import settled, write_text

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe

State = Literal["new", "unfinished", "finished"]
FREE = {
    "name": True,
    "data": True,
    "evaluation": True,
    "training": {"workers", "checkpoint_steps", "precision"},
}
"""Parts of a recipe that may differ: the images are compared by their fingerprint, and the rest
changes nothing of what is learnt."""


class Scoring(BaseModel):
    """How corrupted images were scored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: int | None = None
    """Pixels of the shorter side at which the corruption was applied; None: as the file has it."""
    seed: int = 0
    """Of what the corruptions draw."""
    weights_sha256: str
    """Of the detector that scored."""


class CellRecord(BaseModel):
    """``cell.json``: what a cell was begun with, and how it ended."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    identity: dict[str, Any]
    """Everything that must be the same for the cell to be used again."""
    weights_sha256: str = ""
    """Of the finished bundle; empty before the end."""
    seconds: float | None = Field(default=None, ge=0)
    """Of the build, its last run; None before the end."""
    device: str = ""
    """What it was trained on."""
    scored: dict[str, Scoring] = {}
    """By corruption and level."""
    failed: str = ""
    """Why its last training or scoring failed; empty where none did. The next run tries again."""


@dataclass(frozen=True)
class Cell:
    """One experiment, one detector, one seed."""

    out: Path
    """Folder of the whole grid."""
    experiment: Experiment
    detector: str
    """Its name."""
    slug: str
    """The same in a folder's name."""
    seed: int
    recipe: Recipe
    """What is built: the detector's recipe with this seed and these data."""
    manifest: Manifest
    """The training set, its validation images, and the whole test split."""
    identity: Mapping[str, Any]
    """Everything that must be the same for the cell to be used again."""
    synthetic: bool = False
    """Whether the images were drawn by a program. The recipe reads them through a manifest, which
    cannot tell."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.experiment.name}, {self.detector}, seed {self.seed}"

    @property
    def bundle(self) -> Path:
        """Folder of the trained detector."""
        return self.out / "bundles" / self.place

    @property
    def place(self) -> Path:
        """The part of the paths that tells cells apart."""
        return Path(self.experiment.slug, self.slug, f"seed-{self.seed}")

    @property
    def folder(self) -> Path:
        """Folder of its record and of the scores of corrupted images."""
        return self.out / "cells" / self.place

    def scores(self, condition: Condition | None) -> Path:
        """The file of the test split's scores under a condition."""
        if condition is None:
            return settled(self.bundle) / "scores-test.csv"
        return self.folder / f"{condition.slug}.csv"

    def record(self) -> CellRecord | None:
        """What is known of it; None where it was never begun.

        Raises :class:`BundleError` where the file is damaged.
        """
        file = self.folder / "cell.json"
        if not file.exists():
            return None
        try:
            return CellRecord.model_validate_json(file.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise BundleError(
                f"{file} is damaged: {error}; remove it and {self.bundle} to train this cell anew"
            ) from error

    def write(self, record: CellRecord) -> None:
        """Keep what is known."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / "cell.json", record.model_dump_json(indent=2) + "\n")

    def fail(self, error: Exception) -> str:
        """Keep why the cell failed, in one line."""
        ours = isinstance(error, MfclipError)
        reason = " ".join(str(error).split()) if ours else in_one_line(error)
        record = self.record()
        assert record is not None, "a cell is begun before it fails"
        self.write(record.model_copy(update={"failed": reason}))
        return reason

    @property
    def failed(self) -> str:
        """Why it failed; empty where it did not."""
        record = self.record()
        return record.failed if record is not None else ""

    def about(self) -> BundleJson | None:
        """The bundle's description, where there is a complete bundle."""
        file = settled(self.bundle) / "bundle.json"
        return parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None

    def state(self) -> State:
        """How far it is. A bundle appears complete or not at all, so one that is there is done."""
        if self.record() is None:
            return "new"
        return "unfinished" if self.about() is None else "finished"

    @property
    def partial(self) -> Path:
        """Where an unfinished build keeps its checkpoints."""
        return self.bundle.with_name(self.bundle.name + ".partial")

    def changes(self) -> list[str]:
        """What is not as it was when the cell was begun."""
        record = self.record()
        if record is not None:
            then = {**record.identity, "recipe": self._completed(record.identity.get("recipe"))}
            return list(differences(then, self.identity))
        foreign = [path for path in (self.bundle, self.partial) if path.exists()]
        return [f"{path} is there without a record of how it was made" for path in foreign]

    def _completed(self, recipe: Any) -> Any:
        """An older recipe with the options that came since, where they do what was done before."""
        kept = self.recipe.model_dump(mode="json", exclude=FREE, exclude_defaults=True)  # type: ignore[arg-type]
        return completed(recipe, self.identity["recipe"], kept)

    def begin(self, *, restart: bool) -> None:
        """Note what is about to be made; with ``restart``, clear away what was."""
        if restart:
            for folder in (self.bundle, self.partial, self.folder):
                shutil.rmtree(folder, ignore_errors=True)
        self.write(CellRecord(identity=dict(self.identity)))


@dataclass(frozen=True)
class Identity:
    """Makes the identities of cells; the manifest's fingerprint is taken once an experiment."""

    manifest: Manifest
    plugins: Plugins

    @cached_property
    def fingerprint(self) -> str:
        """Of the rows and of the sizes of their files."""
        return self.manifest.fingerprint()

    def of(self, recipe: Recipe) -> dict[str, Any]:
        """Recipe, data and versions, as JSON has them."""
        running = versions()
        needs = needs_of(recipe, self.plugins)
        made = {
            "recipe": recipe.model_dump(mode="json", exclude=FREE),  # type: ignore[arg-type]
            "images": self.fingerprint,
            "versions": {
                "mfclip": running["mfclip"],
                "torch": running["torch"],
                **{need.distribution: need.version for need in needs},
            },
        }
        if recipe.data is not None and recipe.data.reencode:
            made["reencode"] = recipe.data.reencode
        found: dict[str, Any] = json.loads(json.dumps(made))
        return found


def completed(then: Any, now: Any, kept: Any) -> Any:
    """A tree with the keys that only ``now`` has, but for those in ``kept``: no mere defaults."""
    if isinstance(then, dict) and isinstance(now, dict):
        chosen = kept if isinstance(kept, dict) else {}
        later = {key: now[key] for key in now if key not in then and key not in chosen}
        both = {key: completed(then[key], now.get(key), chosen.get(key)) for key in then}
        return {**both, **later}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        each = kept if isinstance(kept, list) and len(kept) == len(now) else [None] * len(now)
        return [completed(*three) for three in zip(then, now, each, strict=True)]
    return then


def differences(then: Any, now: Any, path: str = "") -> Iterator[str]:
    """What changed between two trees of JSON, one line each, by its dotted path."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(then.get(key), now.get(key), inner)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (old, new) in enumerate(zip(then, now, strict=True)):
            yield from differences(old, new, f"{path}.{place}")
    elif then != now:
        yield f"{path}: was {_short(then)}, is {_short(now)}"


def _short(value: Any) -> str:
    """A value on a line; long texts, digests among them, by their beginning."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:13]}…"
