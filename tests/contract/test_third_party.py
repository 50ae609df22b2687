"""A stranger's plugin, really installed: its part works by name, and its failure is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.errors import RecipeError
from mfclip.plugins.discovery import discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe, read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.render import to_toml

PLUGIN = """
    from typing import Literal

    from mfclip import hookimpl
    from mfclip.parts import Encoder, ImageEncoder

    class AcmeVit(ImageEncoder):
        '''A third party's encoder.'''

        use: Literal["acme-vit"] = "acme-vit"
        '''Name of the part.'''
        dim: int = 512
        '''Length of the embedding.'''

        @property
        def width(self) -> int:
            return self.dim

        def build(self, context):
            import torch

            return torch.nn.Identity()

    @hookimpl
    def mfclip_encoders() -> list[type[Encoder]]:
        return [AcmeVit]
"""
RECIPE = """\
recipe = 1
assembly = "mfclip"

[vision.image]
use = "acme-vit"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text(RECIPE)
    return Path("recipe.toml")


def read(file: Path, *overrides: str) -> Recipe:
    return read_recipe(file, overrides=overrides, plugins=discover(), registry=read_registry())


def test_an_installed_part_is_used_by_its_name(install_plugin, file):
    install_plugin(PLUGIN)
    recipe = read(file)
    assert recipe.vision.image.use == "acme-vit"
    assert recipe.vision.width == 512
    text = to_toml(recipe)
    again = read_recipe_text(text, "bundle", plugins=discover(), registry=read_registry())
    assert again == recipe


def test_it_is_checked_like_a_shipped_part(install_plugin, file):
    install_plugin(PLUGIN)
    with pytest.raises(RecipeError) as caught:
        read(file, "vision.image.dmi=3")
    assert str(caught.value) == (
        "--set vision.image.dmi=3: vision.image.dmi: unknown key 'dmi'; did you mean 'dim'?\n"
        "    acme-vit takes: use, dim"
    )


def test_a_plugin_that_did_not_load_is_named_where_its_part_is_missed(install_plugin, file):
    broken = PLUGIN.replace("from typing", "import not_there\n    from typing")
    install_plugin(broken, plugin="acme", distribution="acme-encoder")
    with pytest.raises(RecipeError) as caught:
        read(file)
    assert str(caught.value) == (
        "recipe.toml:5: vision.image: no image encoder is called 'acme-vit'; did you mean 'cvit'?\n"
        "    on offer: clip-vit (mfclip), cvit (mfclip), srm-noise (mfclip), map-cnn (mfclip), "
        "vector (mfclip), "
        "mve (mfclip), frame-mean (mfclip), timm (mfclip)\n"
        "    note: plugin 'acme' (acme-encoder 0.1) did not load: "
        "ModuleNotFoundError: No module named 'not_there' (next step: install what has the module "
        "'not_there', or switch it off in a registry file: [plugins] disabled = [\"acme-encoder\"])"
    )


def test_a_registry_file_switches_it_off(install_plugin, file, tmp_path):
    install_plugin(PLUGIN)
    own = tmp_path / "mine.toml"
    own.write_text('[plugins]\ndisabled = ["ACME"]\n')
    registry = read_registry(own)
    plugins = discover(disabled=registry.disabled)
    with pytest.raises(RecipeError, match="note: distribution 'acme' is switched off"):
        read_recipe(file, plugins=plugins, registry=registry)
