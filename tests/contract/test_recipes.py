"""Every recipe of the repository is right by the reader and by the JSON Schema."""

from __future__ import annotations

import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe, read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.render import to_toml
from mfclip.recipe.schema import json_schema

ROOT = Path(__file__).parents[2]
RECIPES = [ROOT / "mfclip.toml", *sorted((ROOT / "recipes").glob("*.toml"))]


@pytest.fixture(scope="module")
def plugins():
    return discover()


@pytest.fixture(scope="module")
def registry():
    return read_registry()


@pytest.fixture(scope="module")
def validator(plugins, registry):
    schema = json_schema(plugins, registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documented_overrides(file: Path) -> list[str]:
    """The ``--set`` values of the command that a recipe's comment gives for it."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "mfclip-build" in line:
            words = shlex.split(line.removeprefix("#"))
            return [value for flag, value in pairwise(words) if flag == "--set"]
    return []


def test_all_uses_have_a_recipe():
    names = {file.stem for file in RECIPES}
    wanted = {"mfclip", "mfclip-paper", "clip", "clip-spa", "cvit", "ffpp-two-levels"}
    assert wanted <= names


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_is_right_as_its_comment_starts_it(plugins, registry, file):
    settings = documented_overrides(file)
    recipe = read_recipe(file, overrides=settings, plugins=plugins, registry=registry)
    assert recipe.training is not None
    again = read_recipe_text(to_toml(recipe), "again", plugins=plugins, registry=registry)
    assert again == recipe


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_satisfies_the_schema(validator, file):
    validator.validate(tomllib.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_points_editors_at_the_schema_at_the_root(file):
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    pointed = (file.parent / first.removeprefix("#:schema ")).resolve()
    assert pointed == ROOT / "mfclip.schema.json"


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_typo_in_a_recipe_fails_the_schema(validator, file):
    tree = tomllib.loads(file.read_text(encoding="utf-8"))
    tree["training"]["epohcs"] = tree["training"].pop("epochs")
    assert not validator.is_valid(tree)


def test_the_papers_recipe_holds_the_papers_numbers(plugins, registry):
    recipe = read_recipe(ROOT / "recipes" / "mfclip-paper.toml", plugins=plugins, registry=registry)
    training = recipe.training
    assert (training.epochs, training.batch_size) == (30, 24)
    assert (training.learning_rate, training.weight_decay) == (1e-4, 1e-3)
    assert (training.step_epochs, training.step_factor) == (15, 0.1)
    assert (recipe.vision.width, recipe.text.width) == (512, 512)
    assert (recipe.vision.noise.patch_size, recipe.vision.noise.blocks) == (112, 3)
    assert (recipe.text.layers, recipe.prompts.sentences) == (6, 4)
    assert recipe.loss[1].temperature == 0.5
    assert recipe.alignment.temperature == 0.07
    assert recipe.preprocessing.size == 224
