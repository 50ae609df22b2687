"""What was written once is read for ever, and means the same.

The files in ``golden`` are never changed. Where a test here fails, the program has changed what
somebody's recipe or bundle means: give the changed part or assembly a new name and leave the old
one as it was.
"""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mfclip.evaluation.evaluate import evaluate
from mfclip.inference.loaded import load
from mfclip.metrics.scores import read_scores
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.render import to_toml

GOLDEN = Path(__file__).with_name("golden")
ASSEMBLIES = sorted(file.stem for file in GOLDEN.glob("*.toml"))
PARTS = sorted(file.stem for file in (GOLDEN / "parts").glob("*.json"))
ADDED: dict[str, str] = {
    **{
        f"{name}.reencode": "nothing is encoded again"
        for name in (
            *("celeb-df", "deeperforensics", "dfdc", "ffpp", "folder", "genface", "manifest"),
            "sample",
        )
    },
    "dataset.reencode": "nothing is encoded again",
    "preprocessing.smallest": "no detector's input is smaller than 16 pixels",
    "preprocessing.frames": "a sample is one image",
    "preprocessing.faces": "the images are crops",
    ".augmentation": "nothing is changed",
    "augmentation.pseudo": "there is no pseudo-fake to draw",
    "augmentation.pseudo_fakes": "none",
    "training.sampling": "shuffled, as always",
    "training.optimiser": "Adam, as always",
    "training.momentum": "0.9 with SGD, as always",
    "training.schedule": "steps, as always",
    "training.warmup_epochs": "none",
    "training.average": "the weights themselves",
    "training.validation": "the validation split",
    ".candidates": "none",
    "head.layer_norm": "none",
    "clip-features.pool": "the class tokens",
    "clip-features.precision": "bf16 only where the CPU has units for it",
    "head.scale": "none",
    "cross-entropy.smoothing": "labels are 0 and 1",
    "clip-vit.tune": "all of it learns",
    "clip-vit.read": "CLIP's embedding",
    "clip-vit.rate": "the recipe's",
    "clip-vit.checkpoint": "nothing is computed twice",
    "clip-vit.patch_dropout": "every patch stays",
    "clip-vit.drop_path": "every block runs",
    "clip-vit.pool": "the class token",
    "clip-vit.l2": "as the tower gives it",
    "clip-vit.project": "what is read is the embedding",
    "clip-vit.lora_rank": "read with tune = lora alone",
    "clip-vit.lora_alpha": "read with tune = lora alone",
    "clip-vit.lora_on": "read with tune = lora alone",
    "vector.erase_groups": "nothing is taken out",
    "vector.whiten": "nothing is brought down",
    **{
        f"{name}.weights_of": "weights are of both towers"
        for name in ("coop", "fatformer", "vlffd")
    },
    "timm.tune": "all of it learns, unless freeze says otherwise",
    "timm.rate": "the recipe's",
}
"""Options that came later, ``"cvit.option"``, ``"training.option"`` or ``".table"``, and why their
default does what was done before. Such an option is the one allowed change."""
PROBE = (
    "the assembly clip-probe read the class tokens of four blocks; it reads the upper six, and "
    "their patches too, and whitens them; see CHANGELOG.md"
)
PAIR = "a member of the assembly clip-pair read all twelve blocks; it reads what clip-probe reads"
THEIRS = "the assemblies cevit and m2tr have settings of their authors that were not known before"
MOVED = {
    "head.normalise: was True, is False": "0.1 L2-normalised X_v before a bare linear layer, which "
    "is neither the paper's head nor the published code's and hardly learns; see CHANGELOG.md",
    **{
        f"input.0.read.{place}: was {was!r}, is {now}": PROBE
        for place, (was, now) in {
            0: (6, 7),
            2: (10, 9),
            3: (12, 10),
            4: ("not there", 11),
            5: ("not there", 12),
        }.items()
    },
    "input.0.pool: was 'class', is 'both'": PROBE,
    "vision.length: was 3072, is 9216": PROBE,
    "vision.erase_groups: was 0, is 16": PROBE,
    "vision.whiten: was 0, is 256": PROBE,
    **{f"input.0.read.{place}: was {place + 1}, is {place + 7}": PAIR for place in range(6)},
    **{f"input.0.read.{place}: was {place + 1}, is 'not there'": PAIR for place in range(6, 12)},
    "detector.member.1.length: was 18432, is 9216": PAIR,
    "detector.member.1.erase_groups: was 0, is 16": PAIR,
    "training.momentum: was 0.9, is 0.0": THEIRS,
    "training.epochs: was 30, is 300": THEIRS,
    "training.patience: was 'not there', is 5": THEIRS,
    "detector.drop_rate: was 0.2, is 0.5": THEIRS,
}
"""The things in which an assembly is not what it was, and why. Filled-in recipes, and so all
bundles, name their head and what they read, and keep it."""
RENAME = "a part's meaning changed: give it a new name"


@pytest.fixture(scope="module")
def plugins():
    return discover()


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """golden/write.py."""
    spec = importlib.util.spec_from_file_location("golden_write", GOLDEN / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """Every value by its dotted path."""
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return {k: v for key, value in items for k, v in flat(value, f"{path}.{key}").items()}
    return {path.removeprefix("."): tree}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is another value now, is gone, or is new; one line each."""
    old, new = flat(before), flat(after)
    return [
        f"{key}: was {old.get(key, 'not there')!r}, is {new.get(key, 'not there')!r}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def without_added(tree: Any, before: Any, table: str = "") -> Any:
    """A tree without the options that came after the tree ``before`` was written, at any depth."""
    if isinstance(tree, list):
        old = before if isinstance(before, list) else []
        known = [*old, *[None] * (len(tree) - len(old))]
        return [without_added(item, was, table) for item, was in zip(tree, known, strict=False)]
    if not isinstance(tree, dict):
        return tree
    owner, old = tree.get("use", table), before if isinstance(before, dict) else {}
    return {
        k: without_added(v, old.get(k), k)
        for k, v in tree.items()
        if k in old or f"{owner}.{k}" not in ADDED
    }


def test_there_is_a_golden_file_for_every_assembly_and_part(plugins, writer):
    absent = set(read_registry().assemblies) - set(ASSEMBLIES)
    assert not absent, "run python tests/contract/golden/write.py"
    assert len(ASSEMBLIES) >= 13
    shipped = {f"{kind}.{name}" for kind, name, _ in writer.parts(plugins)}
    assert not shipped - set(PARTS), "run python tests/contract/golden/write.py"
    assert not set(PARTS) - shipped, "a part is gone; old recipes need it"
    assert len(PARTS) >= 15


@pytest.mark.parametrize("name", ASSEMBLIES)
def test_an_old_recipe_is_read_and_written_as_it_was(plugins, name):
    text = (GOLDEN / f"{name}.toml").read_text(encoding="utf-8")
    recipe = read_recipe_text(text, f"{name}.toml", plugins=plugins, registry=read_registry())
    again = to_toml(recipe)
    before = tomllib.loads(text)
    assert not changes(before, without_added(tomllib.loads(again), before)), RENAME
    assert ADDED or again == text


@pytest.mark.parametrize("name", ASSEMBLIES)
def test_an_assembly_is_what_it_was(plugins, writer, name):
    text = (GOLDEN / f"{name}.toml").read_text(encoding="utf-8")
    now = writer.recipe(name, plugins)
    before = tomllib.loads(text)
    found = changes(before, without_added(tomllib.loads(now), before))
    assert not [change for change in found if change not in MOVED], RENAME
    assert ADDED or now == text


@pytest.mark.parametrize("name", PARTS)
def test_a_parts_defaults_are_what_they_were(plugins, writer, name):
    before = json.loads((GOLDEN / "parts" / f"{name}.json").read_text(encoding="utf-8"))
    now = {f"{kind}.{part}": values for kind, part, values in writer.parts(plugins)}
    assert not changes(before, without_added(now[name], before)), RENAME


def test_a_changed_default_is_noticed(writer, plugins):
    _, _, values = next(part for part in writer.parts(plugins) if part[1] == "cvit")
    assert changes(values, {**values, "depth": values["depth"] + 1}) == ["depth: was 6, is 7"]
    assert changes(values, {**values, "new": True}) == ["new: was 'not there', is True"]
    nested = {"image": {"use": "cvit", "channels": [1, 2]}}
    assert changes(nested, {"image": {"use": "cvit", "channels": [1, 3]}}) == [
        "image.channels.1: was 2, is 3"
    ]


def test_an_option_that_came_later_is_left_out(monkeypatch):
    monkeypatch.setitem(ADDED, "cvit.late", "it is off")
    tree = {"vision": {"image": {"use": "cvit", "late": 1, "dim": 2}}, "late": 3}
    kept = {"vision": {"image": {"use": "cvit", "dim": 2}}, "late": 3}
    assert without_added(tree, kept) == kept
    assert without_added(tree, tree) == tree
    assert without_added([tree], [kept]) == [kept]


def test_an_old_bundle_gives_the_scores_that_it_gave(writer):
    """Of format 1, written by 0.1.0."""
    wanted = json.loads((GOLDEN / "bundle.scores.json").read_text())
    loaded = load(GOLDEN / "bundle", device="cpu", precision="fp32")
    scores = loaded.score(writer.images())
    assert [s.p_fake for s in scores] == pytest.approx([w["p_fake"] for w in wanted], abs=1e-5)
    assert [s.verdict for s in scores] == [w["verdict"] for w in wanted]
    assert {w["verdict"] for w in wanted} == {"real", "fake"}
    assert loaded.bundle.about.format == 1
    assert loaded.threshold == 0.4


SINCE = ("band", "films", "three_verdicts", "uncertain_error", "unlike")
"""Keys of figures that came later; None is what a detector without them has."""


def as_it_was(figures: Any) -> Any:
    """The same without keys that came later, where they are None."""
    if isinstance(figures, list):
        return [as_it_was(one) for one in figures]
    if not isinstance(figures, dict):
        return figures
    kept = {k: v for k, v in figures.items() if not (k in SINCE and v is None)}
    return {key: as_it_was(value) for key, value in kept.items()}


def test_everything_that_was_fitted_is_read_back(writer):
    """Whatever ``bundle.json`` holds of a build, to the last threshold."""
    loaded = load(GOLDEN / "bundle-whole", device="cpu")
    stored = json.loads((GOLDEN / "bundle-whole" / "bundle.json").read_text())["operating"]
    assert as_it_was(loaded.operating.model_dump(mode="json")) == stored
    assert loaded.operating.fitted
    assert [alarm.limit for alarm in loaded.operating.alarms] == [0.01, 0.05]
    assert all(alarm.threshold for alarm in loaded.operating.alarms)
    assert (loaded.arithmetic.recorded, str(loaded.arithmetic)) == ("fp32", "computed in fp32")
    table = read_scores(GOLDEN / "bundle-whole" / "scores-test.csv")
    again = evaluate(table, loaded.operating).model_copy(update={"precision": "fp32"})
    assert as_it_was(again.model_dump(mode="json")) == loaded.bundle.metrics
    names = [rates.name for rates in again.thresholds]
    alarms = ["at most 1% false alarms", "at most 5% false alarms"]
    assert names == ["best balanced accuracy", "0.5", *alarms]


def test_golden_files_stay_small():
    assert sum(file.stat().st_size for file in GOLDEN.rglob("*") if file.is_file()) < 200_000
