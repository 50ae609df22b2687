"""A stranger's package from wheel to score: installed, used by name, removed, installed again."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme_encoder"
RECIPE = """
recipe = 1
assembly = "mfclip-small"

[preprocessing]
size = 64

[vision]
use = "acme-efficientnet"
dim = 32
frozen = 3

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[alignment]
use = "acme-sigmoid"

[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 1
workers = 0
precision = "fp32"

[evaluation]
bootstrap = 100
"""


@pytest.fixture(scope="module")
def environment(fresh_environment):
    """With the framework and the package installed."""
    return fresh_environment(EXAMPLE)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "acme.toml").write_text(RECIPE, encoding="utf-8")
    Image.effect_noise((80, 60), 40).convert("RGB").save(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def bundle(environment, workplace: Path) -> Path:
    """Trained for a few steps from ImageNet weights."""
    environment.run("mfclip-build", "--recipe", "acme.toml", cwd=workplace)
    return workplace / "runs" / "acme"


def score(environment, bundle: Path, workplace: Path) -> float:
    printed = environment.run("mfclip", "score", bundle, workplace / "face.png")
    (row,) = csv.DictReader(printed.splitlines())
    assert row["status"] == "ok"
    return float(row["p_fake"])


def test_both_packages_run_from_their_wheels(environment) -> None:
    program = "import mfclip, acme_encoder; print(mfclip.__file__, acme_encoder.__file__)"
    files = environment.run("python", "-c", program).split()
    assert all(Path(file).is_relative_to(environment.site) for file in files)


def test_its_parts_are_listed_with_their_owner(environment) -> None:
    listed = json.loads(environment.run("mfclip", "parts", "--json", "--strict"))
    found = [part for part in listed["parts"] if part["distribution"] == "acme-encoder"]
    assert [(part["kind"], part["name"], part["version"]) for part in found] == [
        ("encoder", "acme-efficientnet", "0.1.0"),
        ("alignment", "acme-sigmoid", "0.1.0"),
    ]


def test_its_own_tests_pass(environment) -> None:
    told = environment.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=EXAMPLE)
    found = re.search(r"^(\d+) passed", told, re.MULTILINE)
    assert found, told
    assert int(found[1]) > 30


def test_the_recipes_that_it_ships_are_valid(environment, workplace: Path) -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (workplace / "shown.toml").write_text(shown, encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from mfclip.plugins.discovery import discover\n"
        "from mfclip.recipe.read import read_recipe\n"
        "from mfclip.recipe.registry import read_registry\n"
        "for file in map(Path, sys.argv[1:]):\n"
        "    recipe = read_recipe(file, plugins=discover(), registry=read_registry())\n"
        "    print(recipe.vision.use, recipe.vision.frozen)"
    )
    files = (workplace / "shown.toml", EXAMPLE / "faces-cpu.toml")
    told = environment.run("python", "-c", program, *files)
    assert told.splitlines() == ["acme-efficientnet 3", "acme-efficientnet 0"]


def test_an_absent_dependency_is_an_error_of_the_recipe(environment, workplace: Path) -> None:
    program = (
        "import sys; sys.modules['efficientnet_lite_pytorch'] = None\n"
        "sys.argv = ['mfclip-build', '--recipe', 'acme.toml']\n"
        "from mfclip.cli import build_main; build_main()"
    )
    told = environment.run("python", "-c", program, cwd=workplace, code=3)
    assert "acme.toml:9: vision: 'acme-efficientnet' needs 'efficientnet_lite_pytorch'" in told
    assert "pip install 'acme-encoder[efficientnet]'" in told


def test_bundle_remembers_who_it_needs(bundle: Path) -> None:
    needs = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["needs"]
    acme = [need for need in needs if need["distribution"] == "acme-encoder"]
    assert [(need["name"], need["version"]) for need in acme] == [
        ("acme-efficientnet", "0.1.0"),
        ("acme-sigmoid", "0.1.0"),
    ]


def test_bundle_scores_while_the_package_is_there(
    environment, bundle: Path, workplace: Path, wheel: Callable[[Path], Path]
) -> None:
    before = score(environment, bundle, workplace)
    assert 0 < before < 1

    environment.uninstall("acme-encoder")
    assert not (environment.site / "acme_encoder").exists()
    told = environment.run("mfclip", "score", bundle, workplace / "face.png", code=6)
    assert "needs parts that are not installed" in told
    for part in ("encoder 'acme-efficientnet'", "alignment 'acme-sigmoid'"):
        assert f"{part} of acme-encoder 0.1.0: pip install acme-encoder==0.1.0" in told
    told = environment.run("mfclip-build", "--recipe", "acme.toml", cwd=workplace, code=3)
    assert "acme.toml:9: vision: no image encoder is called 'acme-efficientnet'" in told

    environment.install(wheel(EXAMPLE))
    assert score(environment, bundle, workplace) == before
