"""Write the golden files that are missing. One that is there is never changed: that is its point.

``python tests/contract/golden/write.py`` after adding a part or an assembly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import read_bundle, write_bundle
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.detector.model import VisionLanguageDetector
from mfclip.evaluation.evaluate import evaluate
from mfclip.inference.loaded import load
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.scores import ScoreTable, write_scores
from mfclip.parts import Part
from mfclip.plugins.discovery import GROUP, Plugins, discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.render import to_toml

HERE = Path(__file__).parent
RECIPE = 'name = "golden"\nassembly = "{}"\n[data]\nuse = "sample"\n[training]\n'
"""What each golden recipe is the filled-in form of."""
TINY = """
name = "golden"
assembly = "mfclip"
preprocessing = { size = 32 }

[vision.image]
channels = [2, 2, 4, 4, 4]
convolutions = [1, 1, 1, 1, 1]
dim = 8
depth = 1
heads = 2
mlp = 8

[vision.noise]
patch_size = 16
channels = 4
grid = 4
blocks = 1
dim = 8
heads = 2
mlp = 8

[text]
dim = 8
layers = 1
heads = 2
mlp = 8
"""
"""The recipe of the golden bundle, whose weights have a few KB."""


def recipe(assembly: str, plugins: Plugins) -> str:
    """A recipe from an assembly, with every default filled in."""
    text = RECIPE.format(assembly)
    read = read_recipe_text(text, "golden", plugins=plugins, registry=read_registry())
    return to_toml(read)


def parts(plugins: Plugins) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(kind, name, its options and their defaults) of every part that ships."""
    for offer in plugins.offers:
        if offer.distribution == GROUP:
            yield offer.kind, offer.name, options(offer.schema)


def options(schema: type[Part]) -> dict[str, Any]:
    """Each option's default as JSON has it; ``"(required)"`` where there is none."""
    found: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        if field.is_required():
            found[name] = "(required)"
            continue
        found[name] = schema.model_construct().model_dump(mode="json", include={name})[name]
    return found


def images() -> list[UInt8[torch.Tensor, "3 48 40"]]:
    """Five pictures made by whole-number arithmetic alone, so that every machine has the same."""
    y, x, c = np.mgrid[0:48, 0:40, 0:3]
    made = [(k * x * x + (7 - k) * x * y + 3 * y * y + 50 * c * k) % 256 for k in range(1, 6)]
    return [torch.from_numpy(one.astype(np.uint8).transpose(2, 0, 1).copy()) for one in made]


def write_golden_bundle(folder: Path, plugins: Plugins) -> None:
    """A bundle without its text side, and beside it the scores that it gives."""
    read = read_recipe_text(TINY, "golden", plugins=plugins, registry=read_registry())
    labels = (HierarchicalLabel("real"), HierarchicalLabel("fake", "FS", "GAN", "one"))
    prompts = PromptTable.make(labels, read.prompts.build(read.context()))
    torch.manual_seed(0)
    detector = assemble(read, prompts)
    spread(detector, Preprocessor(read.preprocessing)(images(), torch.device("cpu")))
    needs, operating = needs_of(read, plugins), OperatingPoints(temperature=1.25, threshold=0.4)
    contents = BundleContents(detector.eval(), read, prompts, needs, operating, seed=0)
    write_bundle(folder, contents, text_side=False)


def write_whole_bundle(folder: Path, like: Path) -> None:
    """The same detector with everything that a build keeps beside it but its pictures and logs."""
    bundle = read_bundle(like)
    validation, test = (drawn(seed) for seed in (1, 2))
    operating = fit_operating_points(validation)
    evaluation = evaluate(test, operating).model_copy(update={"precision": "fp32"})
    with TemporaryDirectory() as scratch:
        files = {f"scores-{name}.csv": Path(scratch) / name for name in ("validation", "test")}
        for file, table in zip(files.values(), (validation, test), strict=True):
            write_scores(table, operating, file)
        contents = BundleContents(
            bundle.detector(),
            bundle.recipe,
            bundle.prompts,
            bundle.about.needs,
            operating=operating,
            precision="fp32",
            metrics=evaluation.model_dump(mode="json"),
            fingerprint="ab" * 32,
            seed=0,
            images={"train": 600, "val": 200, "test": 200},
            files=files,
        )
        write_bundle(folder, contents, text_side=False)


def drawn(seed: int) -> ScoreTable:
    """Scores of 120 reals and 80 fakes of two generators, overlapping."""
    draw = np.random.default_rng(seed)
    rows = tuple(
        Row(
            Path(f"{number:03}.png"),
            HierarchicalLabel("real")
            if number < 120
            else HierarchicalLabel("fake", "EFS", "GAN", "one" if number < 160 else "two"),
            "val" if seed == 1 else "test",
            identity=f"p{number // 2}",
        )
        for number in range(200)
    )
    log_odds = np.round(draw.normal(size=200) + np.where(np.arange(200) < 120, -1, 1.5), 4)
    return ScoreTable.from_manifest(Manifest(Path(), rows), log_odds)


@torch.no_grad()
def spread(detector: VisionLanguageDetector, pictures: Float[torch.Tensor, "5 3 32 32"]) -> None:
    """Weights under which the pictures get unlike scores; untrained ones put all near 0.5."""
    for weight in detector.vision.parameters():
        weight.mul_(2 if weight.dim() > 1 else 1)
    for _ in range(20):  # moves the batch norm's statistics
        detector(torch.cat([pictures, torch.rand(11, 3, 32, 32)]))
    seen = torch.nn.functional.normalize(detector.eval()(pictures).visual, dim=1)
    axis = 2 * (seen[4] - seen[0]) / (seen[4] - seen[0]).norm()
    detector.head.weight.copy_(torch.stack([-axis, axis]))
    detector.head.bias.copy_(-(detector.head.weight @ seen.mean(0)))


def main() -> None:
    """Write what is missing, and say so."""
    plugins = discover()
    before = set(HERE.rglob("*"))
    for name in read_registry().assemblies:
        if not (file := HERE / f"{name}.toml").exists():
            file.write_text(recipe(name, plugins), encoding="utf-8")
    for kind, name, values in parts(plugins):
        file = HERE / "parts" / f"{kind}.{name}.json"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    if not (bundle := HERE / "bundle").exists():
        write_golden_bundle(bundle, plugins)
        scores = load(bundle, device="cpu", precision="fp32").score(images())
        figures = [{"p_fake": s.p_fake, "verdict": s.verdict} for s in scores]
        (HERE / "bundle.scores.json").write_text(json.dumps(figures, indent=1) + "\n")
    if not (whole := HERE / "bundle-whole").exists():
        write_whole_bundle(whole, bundle)
    written = sorted(set(HERE.rglob("*")) - before)
    print("\n".join(f"wrote {file}" for file in written) or "nothing is missing")


if __name__ == "__main__":
    main()
