"""Filled-in recipes as text, and back."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import Field

from mfclip.errors import RecipeError
from mfclip.parts import Detector
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.render import to_toml
from mfclip.recipe.settings import (
    EvaluationSettings,
    HeadSettings,
    PreprocessingSettings,
    TrainingSettings,
)


def back(recipe: Recipe, plugins: Plugins, registry: Any) -> Recipe:
    return read_recipe_text(to_toml(recipe), "again", plugins=plugins, registry=registry)


def test_every_default_is_written(read):
    text = to_toml(read('assembly = "duo"\n[head]\n'))
    assert text.startswith(
        "#:schema mfclip.schema.json\n"
        '# Every default is filled in; it began as the assembly "duo".\n'
        "# Nothing is taken from there any more: from_assembly is only a note.\n"
        'recipe = 1\nname = "recipe"\nfrom_assembly = "duo"\n\n[vision]\nuse = "pair"\n'
    )
    tree = tomllib.loads(text)
    assert tree["vision"]["noise"] == {
        "use": "ear",
        "dim": 8,
        "patch": 16,
        "channels": [1, 2],
        "scale": 1.0,
        "pool": "mean",
        "bias": True,
        "bins": 7,
    }
    assert tree["loss"] == [
        {"use": "contrast", "weight": 1.0, "temperature": 0.1},
        {"use": "plain", "weight": 3.0},
    ]
    assert "training" not in tree
    assert text.endswith("seed = 0\n")


def test_without_an_assembly_none_is_named(read):
    text = to_toml(read('[vision]\nuse = "eye"\n'))
    assert text.startswith(
        "#:schema mfclip.schema.json\n# Every default is filled in.\nrecipe = 1\n"
    )
    assert "assembly" not in text


def test_the_assembly_is_remembered_but_no_longer_needed(read, plugins):
    from mfclip.recipe.registry import read_registry

    recipe = read('assembly = "duo"\n[training]\nepochs = 2\n[data]\nuse = "shelf"\nroot = "x"\n')
    shipped_only = read_registry()
    assert "duo" not in shipped_only.assemblies
    again = back(recipe, plugins, shipped_only)
    assert again == recipe
    assert again.assembly == "duo"


def test_what_was_removed_stays_removed(read, plugins, registry):
    off = "text = false\nprompts = false\nalignment = false\n"
    recipe = read('assembly = "duo"\n' + off + '[[loss]]\nuse = "plain"\n')
    assert back(recipe, plugins, registry) == recipe


def test_no_losses_stay_no_losses(read, plugins, registry):
    recipe = read('assembly = "duo"\nloss = []\n')
    assert back(recipe, plugins, registry) == recipe


class Odd(Detector):
    """A part with fields of many shapes."""

    use: Literal["odd"] = "odd"
    pairs: tuple[tuple[int, str], ...] = ()
    table: dict[str, dict[str, int]] = Field(default_factory=dict)
    mixed: list[int | dict[str, int]] = Field(default_factory=list)
    maybe: int | None = 3

    def build(self, context: object) -> Any:
        raise AssertionError


def test_shapes_that_no_shipped_part_has(registry):
    from mfclip.plugins.discovery import Offer

    plugins = Plugins((Offer("detector", "odd", Odd, "p", "d", "1"),))
    odd = Odd(
        pairs=((1, "a]"), (2, 'b"\n')),
        table={"a b": {"x": 1}, "": {}},
        mixed=[1, {"y.z": 2}],
    )
    recipe = Recipe(detector=odd)
    assert back(recipe, plugins, registry) == recipe


def test_an_emptied_field_cannot_be_written():
    with pytest.raises(RecipeError) as caught:
        to_toml(Recipe(detector=Odd(maybe=None)))
    assert str(caught.value) == (
        "recipe.detector.maybe is None, which TOML cannot hold; give it a value"
    )


# --- any recipe at all ---------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SPLITS = st.floats(0.25, 0.75).map(lambda train: (train, (1 - train) / 2, (1 - train) / 2))
PATHS = st.text("abc ä.", min_size=1, max_size=5).map(lambda name: Path("/data") / name)


def recipes(by_name: dict[str, Any]) -> st.SearchStrategy[Recipe]:
    """Recipes over the fake parts that fit together, everything else drawn."""
    widths = st.integers(1, 50).map(lambda n: 2 * n)

    def eyes(dim: int) -> st.SearchStrategy[Any]:
        common = {
            "dim": st.just(dim),
            "patch": st.sampled_from([1, 2, 4, 8, 16]),
            "channels": st.lists(INTEGERS, max_size=3).map(tuple),
            "scale": st.floats(allow_nan=False),
            "pool": st.sampled_from(["mean", "max"]),
            "bias": st.booleans(),
            "weights": st.none() | PATHS,
        }
        eye = st.builds(by_name["eye"], **common)
        ear = st.builds(by_name["ear"], **common, bins=INTEGERS)
        return st.recursive(
            eye | ear,
            lambda inner: st.builds(
                by_name["pair"],
                image=inner,
                noise=eye | ear,
                others=st.lists(inner, max_size=2).map(tuple),
            ),
            max_leaves=3,
        )

    def whole(dim: int) -> st.SearchStrategy[Recipe]:
        losses = st.one_of(
            st.builds(by_name["plain"], weight=st.floats(0, 1e6)),
            st.builds(by_name["contrast"], temperature=st.floats(1e-30, 1e30)),
        )
        return st.builds(
            Recipe,
            name=WORDS,
            assembly=st.none() | WORDS,
            vision=eyes(dim),
            text=st.builds(by_name["scribe"], dim=st.just(dim)),
            prompts=st.builds(
                by_name["words"], levels=INTEGERS, more=st.dictionaries(WORDS, WORDS)
            ),
            alignment=st.just(by_name["gate"]()),
            loss=st.lists(losses, min_size=1, max_size=3).map(tuple),
            head=st.builds(HeadSettings, normalise=st.booleans()),
            preprocessing=st.builds(PreprocessingSettings, size=st.sampled_from([16, 224])),
            data=st.builds(
                by_name["shelf"],
                root=PATHS,
                files=st.lists(PATHS, max_size=2).map(tuple),
                cache=st.just("memory") | PATHS,
                split=SPLITS,
            ),
            training=st.none()
            | st.builds(TrainingSettings, patience=st.none() | st.integers(1, 2**63 - 1)),
            evaluation=st.builds(EvaluationSettings, seed=st.integers(0, 2**63 - 1)),
        )

    return widths.flatmap(whole)


@pytest.fixture(scope="module")
def again(plugins, registry) -> Callable[[Recipe], Recipe]:
    return lambda recipe: back(recipe, plugins, registry)


@pytest.fixture(scope="module")
def schemas(plugins) -> Callable[[], dict[str, Any]]:
    return lambda: {offer.name: offer.schema for offer in plugins.offers}


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],  # shrinking a whole recipe takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_recipe_comes_back_equal(data, again, schemas):
    recipe = data.draw(recipes(schemas()))
    assert again(recipe) == recipe
    assert to_toml(again(recipe)) == to_toml(recipe)
