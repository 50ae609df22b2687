"""Whose plugins a bundle may bring into the process, and what it says of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import mfclip
from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.detector.assemble import assemble
from mfclip.errors import BundleError
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

ACME = """
    from typing import Literal

    from mfclip import hookimpl
    from mfclip.parts import Encoder, ImageEncoder

    class AcmeVit(ImageEncoder):
        use: Literal["acme-vit"] = "acme-vit"

        @property
        def width(self):
            return 8

        def build(self, context):
            import torch

            return torch.nn.Sequential(
                torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 8)
            )

    @hookimpl
    def mfclip_encoders() -> list[type[Encoder]]:
        return [AcmeVit]
"""


@pytest.fixture
def bundle(install_plugin, tmp_path: Path) -> Path:
    """Made with a part of acme-encoder 0.1 and a loss of mfclip's own."""
    install_plugin(ACME, distribution="acme-encoder", plugin="acme", module="acme_of_trust")
    plugins, registry = discover(), read_registry()
    recipe = read_recipe_text(
        'vision = { use = "acme-vit" }\nloss = [{ use = "cross-entropy" }]',
        "recipe",
        plugins=plugins,
        registry=registry,
    )
    contents = BundleContents(assemble(recipe, None), recipe, needs=needs_of(recipe, plugins))
    write_bundle(tmp_path / "bundle", contents)
    del sys.modules["acme_of_trust"]
    return tmp_path / "bundle"


def rules(folder: Path, line: str) -> Path:
    """A registry file with this rule."""
    file = folder / "rules.toml"
    file.write_text(f"[plugins]\n{line}\n")
    return file


def test_a_distribution_that_is_allowed_is_used(bundle, tmp_path):
    own = rules(tmp_path, 'allowed = ["Acme_Encoder"]')
    assert mfclip.load(bundle, registry=own).recipe.vision.use == "acme-vit"
    assert "acme_of_trust" in sys.modules


@pytest.mark.parametrize(
    "line", ["allowed = []", 'allowed = ["other"]', 'disabled = ["acme-encoder"]']
)
def test_one_that_is_not_is_never_imported(bundle, tmp_path, line):
    with pytest.raises(BundleError) as caught:
        mfclip.load(bundle, registry=rules(tmp_path, line))
    assert str(caught.value) == (
        f"{bundle} needs parts that are not installed:\n"
        "  encoder 'acme-vit' of acme-encoder 0.1 (installed, but not allowed here): see "
        "`disabled` and `allowed` under [plugins] in the registry file"
    )
    assert "acme_of_trust" not in sys.modules


def test_every_part_is_listed_with_its_owner_and_version(bundle):
    needs = json.loads((bundle / "bundle.json").read_text())["needs"]
    assert needs == [
        {"kind": "encoder", "name": "acme-vit", "distribution": "acme-encoder", "version": "0.1"},
        {"kind": "loss", "name": "cross-entropy"}
        | {"distribution": "mfclip", "version": mfclip.__version__},
    ]


def test_weights_are_checked_by_hash_before_they_are_read(bundle):
    save_file({"head.bias": torch.zeros(2)}, bundle / "model.safetensors")
    with pytest.raises(BundleError, match=r"is not what was written: its sha256 is [0-9a-f]{64}"):
        mfclip.load(bundle)
