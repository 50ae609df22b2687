"""registry.toml against what the shipped plugins really offer, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.plugins.discovery import Plugins, discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import Registry, read_registry
from mfclip.recipe.render import to_toml


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return discover()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return read_registry()


def test_kind_name_and_plugin_are_the_same_both_ways(plugins, registry):
    offered = {(o.kind, o.name, o.plugin) for o in plugins.offers if o.distribution == "mfclip"}
    listed = {(part.kind, part.name, part.plugin) for part in registry.parts}
    assert listed - offered == set(), "in registry.toml and not on offer"
    assert offered - listed == set(), "on offer and not in registry.toml"
    assert len(listed) >= 15


def test_the_paper_section_is_the_schemas(plugins, registry):
    for part in registry.parts:
        offer = plugins.get(part.kind, part.name)
        assert offer is not None
        assert part.paper == offer.schema.paper, part.name


@pytest.mark.parametrize("name", sorted(read_registry().assemblies))
def test_every_assembly_is_a_working_recipe(plugins, registry, name):
    text = f'assembly = "{name}"'
    recipe = read_recipe_text(text, "recipe", plugins=plugins, registry=registry)
    assert recipe.vision or recipe.detector
    assert recipe.loss
    again = read_recipe_text(to_toml(recipe), "again", plugins=plugins, registry=registry)
    assert again == recipe


def test_the_ablations_leave_out_what_they_say(plugins, registry):
    def read(name: str):
        text = f'assembly = "{name}"'
        return read_recipe_text(text, "recipe", plugins=plugins, registry=registry)

    whole = read("mfclip")
    assert read("mfclip-no-noise").vision == whole.vision.image
    assert read("mfclip-no-image").vision == whole.vision.noise
    assert read("mfclip-no-text").text is None
    assert read("mfclip-no-text").vision == whole.vision
    assert [t.use for t in read("mfclip-no-predictor").loss] == ["cross-modal", "cross-entropy"]
    assert read("mfclip-no-predictor").alignment == whole.alignment
    assert read("mfclip-no-spa").alignment.use == "infonce"
    assert read("mfclip-no-spa").loss == whole.loss


def test_a_small_assembly_is_narrower_than_the_whole(plugins, registry):
    text = 'assembly = "mfclip-small"'
    small = read_recipe_text(text, "recipe", plugins=plugins, registry=registry)
    assert small.vision.image.channels == (16, 32, 64, 128, 256)
    assert small.vision.width == small.text.width == 256
    assert small.text.layers == small.vision.image.depth == 2


def test_the_catalogue_is_shipped_inside_the_package(registry):
    assert registry.parts
    import mfclip

    assert (Path(mfclip.__file__).parent / "registry.toml").is_file()
