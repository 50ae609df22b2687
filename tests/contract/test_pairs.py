"""A stranger's detector and loss that read photos and masks of fakes, from manifest to bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, write_manifest
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

PLUGIN = '''
    from typing import ClassVar, Literal

    from mfclip import Detector, Loss, hookimpl

    READS = frozenset({"counterpart", "has-counterpart", "forgery-mask"})

    class AcmePaired(Detector):
        """Looks at where a fake was forged."""

        reads: ClassVar[frozenset[str]] = READS
        use: Literal["acme-paired"] = "acme-paired"
        """Name of the part."""

        def build(self, context):
            import acme_seen
            return acme_seen.Network()

    class AcmeMasked(Loss):
        """Reads the mask."""

        reads: ClassVar[frozenset[str]] = frozenset({"forgery-mask", "label"})
        use: Literal["acme-masked"] = "acme-masked"
        """Name of the part."""

        def build(self, context):
            import acme_seen
            return acme_seen.Masked()

    @hookimpl
    def mfclip_detectors():
        return [AcmePaired]

    @hookimpl
    def mfclip_losses():
        return [AcmeMasked]
'''
MODULES = """
    import torch
    from torch import nn

    SEEN = []

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, images, counterpart=None, has_counterpart=None, forgery_mask=None):
            if self.training:
                SEEN.append((images, counterpart, has_counterpart, forgery_mask))
            return self.head(images.mean((2, 3)))

    class Masked(nn.Module):
        def forward(self, outputs, targets):
            mask = targets.named["forgery-mask"].mean((1, 2, 3))
            wrong = (mask > 0).long() - targets.named["label"]
            assert not wrong.any()
            return (outputs.logits.softmax(-1)[:, 1] - mask).square().mean()
"""
RECIPE = """
recipe = 1
[detector]
use = "acme-paired"
[[input]]
use = "counterpart"
[[input]]
use = "has-counterpart"
[[input]]
use = "forgery-mask"
[[loss]]
use = "cross-entropy"
[[loss]]
use = "acme-masked"
[preprocessing]
size = 32
[augmentation]
mirror = 0.5
crop = 0.3
[data]
use = "manifest"
root = "{root}"
findings = "warn"
[training]
epochs = 2
batch_size = 8
workers = 0
precision = "fp32"
[evaluation]
bootstrap = 100
"""


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def make_data(tmp_path: Path):
    """Photos of noise; each fake is one of them with a square of another colour."""

    def make_data(identities: bool = True) -> Path:
        root = tmp_path / "data"
        draw, rows = np.random.default_rng(0), []
        for number, split in enumerate(["train"] * 16 + ["val"] * 6 + ["test"] * 6):
            photo = draw.integers(100, 130, (32, 32, 3), dtype=np.uint8)
            fake = photo.copy()
            top, left = draw.integers(4, 16, 2)
            fake[top : top + 12, left : left + 12] += 80
            person = f"person-{number}" if identities else ""
            for name, pixels in (("real", photo), ("fake", fake)):
                path = Path(name, f"{number:02}.png")
                (root / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / path)
                rows.append(Row(path, HierarchicalLabel(name), split, person))
        write_manifest(Manifest(root, tuple(rows)), root / "manifest.csv")
        return root

    return make_data


@pytest.fixture
def trained(tmp_path: Path, install_plugin, monkeypatch):
    """Builds on a folder; gives the bundle, what was noted and the batches that were seen."""

    def trained(root: Path):
        monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
        install_plugin(PLUGIN, files={"acme_seen.py": MODULES})
        plugins, notes = discover(), Notes()
        recipe = read_recipe_text(
            RECIPE.format(root=root), "recipe.toml", plugins=plugins, registry=read_registry()
        )
        build(recipe, tmp_path / "bundle", plugins=plugins, events=notes, device="cpu")
        import acme_seen

        return tmp_path / "bundle", notes.told, list(acme_seen.SEEN)

    return trained


def test_pairs_reach_detector_and_loss(make_data, trained):
    root = make_data()
    bundle, told, seen = trained(root)
    assert told == ["counterpart, has-counterpart, forgery-mask: 16 of 16 fakes have a counterpart"]
    assert len(seen) == 8
    for images, counterpart, known, mask in seen:
        assert counterpart.shape == images.shape
        assert mask.shape == (len(images), 1, *images.shape[2:])
        assert known.shape == (len(images), 1)
        assert known.all()
        # Cropped and mirrored with its image: the two are one outside of the mask.
        differs = (images - counterpart).abs().amax(1, keepdim=True)
        assert differs[mask == 0].max() < 0.35
        assert ((differs > 0.2).float().mean((1, 2, 3)) > 0).tolist() == (
            (mask > 0).flatten(1).any(1).tolist()
        )
    image = next((root / "fake").iterdir())
    (score,) = load(bundle).score([image])
    assert 0 <= score.p_fake <= 1


def test_data_without_pairs_are_told_and_trained_on(make_data, trained):
    _, told, seen = trained(make_data(identities=False))
    assert "0 of 16 fakes have a counterpart; the others get" in told[0]
    for images, counterpart, known, mask in seen:
        fake = known[:, 0] == 0
        assert (mask[fake] == 1).all()
        assert (mask[~fake] == 0).all()
        assert (images == counterpart).all()  # also after a crop was resized
