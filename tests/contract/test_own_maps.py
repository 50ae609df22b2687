"""A third party's detector that says where: its map is trained, reported and explained.

The package is ``examples/acme_localiser`` as it stands, and no file of the framework knows it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.explain.detectors import Named
from mfclip.explain.own_maps import declared, over_image, own_maps
from mfclip.explain.run import ExplainSettings, explain
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry
from mfclip.testing import check_part

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme_localiser"
PLUGIN = (EXAMPLE / "src/acme_localiser/plugin.py").read_text(encoding="utf-8")


@pytest.fixture
def plugins(install_plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    install_plugin(PLUGIN, distribution="acme-localiser", plugin="acme_localiser", module="offers")
    yield discover()
    for name in [name for name in sys.modules if name.startswith("acme_localiser")]:
        del sys.modules[name]


def picture(draw: np.random.Generator) -> np.ndarray:
    return draw.integers(90, 110, (64, 64, 3), dtype=np.uint8)


@pytest.fixture
def data(tmp_path):
    """Grey noise; in a fake one quarter is louder, and the mask says which."""
    root = tmp_path / "data"
    root.mkdir()
    draw, rows = np.random.default_rng(0), []
    for number, split in enumerate(["train"] * 32 + ["val"] * 8 + ["test"] * 8):
        fake = number % 2 == 1
        pixels, mask = picture(draw), np.zeros((64, 64), np.uint8)
        if fake:
            top, left = 32 * (number // 2 % 2), 32 * (number // 4 % 2)
            part = (slice(top, top + 32), slice(left, left + 32))
            pixels[part] = draw.integers(40, 160, (32, 32, 3), dtype=np.uint8)
            mask[part] = 255
            Image.fromarray(mask).save(root / f"{number:02}-mask.png")
        Image.fromarray(pixels).save(root / f"{number:02}.png")
        label = HierarchicalLabel("fake", "AM") if fake else HierarchicalLabel("real")
        cell = f"{number:02}-mask.png" if fake else ""
        rows.append(Row(Path(f"{number:02}.png"), label, split, further=(("mask", cell),)))
    write_manifest(Manifest(root, tuple(rows)), root / "manifest.csv")
    return root


@pytest.fixture
def built(tmp_path, data, plugins, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    recipe = read_recipe(
        EXAMPLE / "recipe.toml",
        overrides=[
            *(f"data.root={data}", "data.findings=warn", "evaluation.bootstrap=100"),
            *("training.epochs=16", "training.batch_size=8", "training.workers=0"),
            "training.precision=fp32",
        ],
        plugins=plugins,
        registry=read_registry(),
    )
    build(recipe, tmp_path / "run", plugins=plugins, events=Silent(), device="cpu")
    return tmp_path / "run"


def test_both_parts_pass_the_conformance_suite(plugins):
    offers = [offer for offer in plugins.offers if offer.name.startswith("acme-")]
    assert len(offers) == 2
    for offer in offers:
        check_part(offer.schema())


def test_the_map_is_learnt_reported_and_explained(built, data, tmp_path):
    loaded = load(built, "cpu")
    assert declared(loaded.recipe) == ("acme.changed",)
    fakes = [data / f"{number}.png" for number in (41, 43, 45, 47)]
    images = [torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in fakes]
    for file, found in zip(
        fakes, own_maps(loaded.predictor, images, ["acme.changed"]), strict=True
    ):
        mask = Image.open(file.with_name(f"{file.stem}-mask.png")).resize((16, 16))
        inside = np.asarray(mask) > 127
        values = found["acme.changed"]
        assert values.shape == (16, 16)
        assert values[inside].mean() > values[~inside].mean() + 0.5

    page = (built / "report.html").read_text(encoding="utf-8")
    assert page.count('alt="acme.changed of the image above"') == page.count('class="card ')

    explain([Named("it", loaded, loaded)], fakes[:1], tmp_path / "out", ExplainSettings(methods=()))
    numbers = json.loads((tmp_path / "out/explain.json").read_text(encoding="utf-8"))
    (told,) = numbers["images"][0]["maps"]
    kept = np.load(next((tmp_path / "out").rglob("it-acme.changed.npy")))
    (expected,) = own_maps(loaded.predictor, images[:1], ["acme.changed"])
    assert np.array_equal(kept, expected["acme.changed"])
    assert told == {
        "detector": "it",
        "output": "acme.changed",
        "smallest": pytest.approx(kept.min()),
        "largest": pytest.approx(kept.max()),
    }
    shown = (tmp_path / "out/explain.html").read_text(encoding="utf-8")
    assert "acme.changed map of it" in shown


def test_a_map_over_its_image_is_coloured_from_smallest_to_largest():
    image = np.full((8, 8, 3), 100, dtype=np.uint8)
    values = np.zeros((2, 2))
    values[0, 0] = 7
    shown = over_image(image, values)
    corner, far = shown[0, 0].astype(int), shown[7, 7].astype(int)
    assert corner[0] - corner[2] > 60  # vermilion
    assert far[0] == far[1] == far[2]  # grey
    assert np.array_equal(over_image(image, values * 3 - 5), shown)
    assert np.ptp(over_image(image, np.ones((2, 2))), axis=2).max() == 0


def test_a_note_on_a_file_is_on_its_card(built, tmp_path):
    frames = [Image.fromarray(picture(np.random.default_rng(seed))) for seed in range(3)]
    file = tmp_path / "moving.webp"
    frames[0].save(file, save_all=True, append_images=frames[1:], lossless=True)
    loaded = load(built, "cpu")
    explain([Named("it", loaded, loaded)], [file], tmp_path / "out", ExplainSettings(methods=()))
    assert "first of 3 frames" in (tmp_path / "out/explain.html").read_text(encoding="utf-8")
    numbers = json.loads((tmp_path / "out/explain.json").read_text(encoding="utf-8"))
    assert numbers["images"][0]["note"] == "first of 3 frames"
