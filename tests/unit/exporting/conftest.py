"""A small bundle of MFCLIP's visual parts with random weights, and its ONNX file, traced once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import Bundle, read_bundle, write_bundle
from mfclip.detector.assemble import assemble
from mfclip.exporting.about import describe
from mfclip.exporting.onnx_file import write_onnx
from mfclip.exporting.pictures import Pictures, drawn
from mfclip.exporting.subject import scorer
from mfclip.inference.loaded import LoadedDetector, load
from mfclip.metrics.operating import OperatingPoints
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

SIZE = 64
RECIPE = f"""
recipe = 1
name = "small"
assembly = "mfclip"
[vision.image]
channels = [4, 8]
convolutions = [1, 2]
dim = 16
depth = 1
heads = 2
mlp = 16
[vision.noise]
patch_size = 32
channels = 4
grid = 4
dim = 16
blocks = 1
heads = 2
mlp = 16
[text]
dim = 16
heads = 2
layers = 1
mlp = 16
[preprocessing]
size = {SIZE}
interpolation = "bicubic"
"""


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Its scores spread, so that a wrong patch shows."""
    plugins, registry = discover(), read_registry()
    recipe = read_recipe_text(RECIPE, "small.toml", plugins=plugins, registry=registry)
    torch.manual_seed(0)
    detector = assemble(recipe, None, text_side=False)
    for _ in range(20):
        detector(torch.rand(8, 3, SIZE, SIZE))  # moves its statistics
    folder = tmp_path_factory.mktemp("exporting") / "bundle"
    operating = OperatingPoints(temperature=0.2, threshold=0.45)
    contents = BundleContents(
        detector, recipe, None, needs_of(recipe, plugins), operating, "fp32", seed=0
    )
    write_bundle(folder, contents)
    return read_bundle(folder)


@pytest.fixture(scope="session")
def loaded(bundle: Bundle) -> LoadedDetector:
    """The bundle, scoring in float32."""
    return load(bundle.folder, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def onnx_file(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as an ONNX file."""
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    write_onnx(path, scorer(bundle), (3, SIZE, SIZE), describe(bundle))
    return path


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """The drawn pictures, of many sizes and textures."""
    return drawn(None, SIZE)
