"""Every variant of every ablation is a recipe, and changes what its family says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.bench.variants import Ablation, read_ablation
from mfclip.plugins.discovery import discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.registry import read_registry

ROOT = Path(__file__).parents[2]
FAMILIES = {
    "attention-forms": 6,
    "components": 10,
    "losses": 4,
    "noise-bank": 2,
    "patch-choice": 2,
    "patch-size": 6,
    "prompt-levels": 8,
    "sample-pair-attention": 4,
}


@pytest.fixture(scope="module")
def families() -> dict[str, Ablation]:
    offers = {"plugins": discover(), "registry": read_registry()}
    files = sorted((ROOT / "recipes" / "ablations").glob("*.toml"))
    return {file.stem: read_ablation(file, **offers) for file in files}


@pytest.fixture(scope="module")
def recipes(families) -> dict[str, dict[str, Recipe]]:
    return {
        family: {variant.name: variant.recipe for variant in ablation.variants}
        for family, ablation in families.items()
    }


def without(recipe: Recipe, *fields: str) -> dict:
    return recipe.model_dump(exclude={*fields, "name"})


def test_every_family_is_there_with_all_its_variants(families):
    assert {name: len(family.variants) for name, family in families.items()} == FAMILIES
    assert [family.paper for family in families.values()] == [
        "",
        "V-A, Table VI",
        "V-E, Table IX",
        "",
        "",
        "V-B, Table VII",
        "V-D, Fig. 8",
        "V-C, Table VIII",
    ]


def test_no_two_variants_of_a_family_are_alike(recipes):
    for family in recipes.values():
        found = [without(recipe) for recipe in family.values()]
        assert all(one not in found[:at] for at, one in enumerate(found))


def test_all_variants_train_alike(recipes):
    every = [recipe for family in recipes.values() for recipe in family.values()]
    assert len(every) == 42
    assert {recipe.training for recipe in every} == {every[0].training}
    assert {recipe.preprocessing for recipe in every} == {every[0].preprocessing}


def test_components_are_the_rows_of_the_table(recipes):
    """NE, IE, FTE, predictor and SPA, as Table VI ticks them."""

    def ticks(recipe: Recipe) -> str:
        uses = [recipe.vision.use]
        if recipe.vision.use == "mve":
            uses = [recipe.vision.noise.use, recipe.vision.image.use]
        marks = {
            "N": "srm-noise" in uses,
            "I": "cvit" in uses,
            "T": recipe.text is not None,
            "P": "language-kl" in [term.use for term in recipe.loss],
            "S": recipe.alignment is not None and recipe.alignment.use == "spa",
        }
        return "".join(mark for mark, on in marks.items() if on)

    assert {name: ticks(recipe) for name, recipe in recipes["components"].items()} == {
        "noise-only": "N",
        "image-only": "I",
        "no-text": "NI",
        "image-text": "IT",
        "image-text-predictor": "ITP",
        "no-spa": "NITP",
        "mfclip": "NITPS",
        "no-noise": "ITPS",
        "no-image": "NTPS",
        "no-predictor": "NITS",
    }


def test_components_are_those_of_the_whole_model(recipes):
    whole = recipes["components"]["mfclip"]
    assert recipes["components"]["noise-only"].vision == whole.vision.noise
    assert recipes["components"]["image-only"].vision == whole.vision.image
    assert without(recipes["components"]["no-spa"], "alignment") == without(whole, "alignment")


def test_patches_and_levels_are_the_papers(recipes):
    sizes = [recipe.vision.noise.patch_size for recipe in recipes["patch-size"].values()]
    assert sizes == [16, 28, 32, 56, 112, 224]
    levels = [(r.vision.use, r.prompts.levels) for r in recipes["prompt-levels"].values()]
    assert levels == [(use, n) for use in ("clip-vit", "mve") for n in (1, 2, 3, 4)]


def test_losses_are_the_papers(recipes):
    terms = {name: {term.use for term in recipe.loss} for name, recipe in recipes["losses"].items()}
    assert terms == {
        "ce": {"cross-entropy"},
        "ce-kl": {"cross-entropy", "language-kl"},
        "ce-cmc": {"cross-entropy", "cross-modal"},
        "ce-cmc-kl": {"cross-entropy", "language-kl", "cross-modal"},
    }
    # The paper's Table IX begins with row 3 of its Table VI, and ends with row 7.
    assert without(recipes["losses"]["ce"]) == without(recipes["components"]["no-text"])
    assert without(recipes["losses"]["ce-cmc-kl"]) == without(recipes["components"]["mfclip"])


def test_attention_is_the_only_difference_where_it_is_varied(recipes):
    pairs = recipes["sample-pair-attention"]
    for one, other in (("clip", "clip-spa"), ("mfclip-no-spa", "mfclip")):
        assert (pairs[one].alignment.use, pairs[other].alignment.use) == ("infonce", "spa")
        assert without(pairs[one], "alignment") == without(pairs[other], "alignment")
    forms = recipes["attention-forms"].values()
    assert len({(r.alignment.index, r.alignment.gate) for r in forms}) == 6
    assert all(without(r, "alignment") == without(pairs["mfclip"], "alignment") for r in forms)


def test_filters_and_choice_are_the_only_difference_where_they_are_varied(recipes):
    def noise(family: str, field: str) -> list[str]:
        return [getattr(r.vision.noise, field) for r in recipes[family].values()]

    assert noise("noise-bank", "filters") == ["srm3", "srm30"]
    assert noise("patch-choice", "choose") == ["richest", "poorest"]


def test_the_families_fit_a_base_of_another_size():
    small = ROOT / "recipes" / "faces-cpu.toml"
    found = read_ablation(
        ROOT / "recipes" / "ablations" / "components.toml",
        bases=[small],
        overrides=["vision.noise.patch_size=80"],
        plugins=discover(),
        registry=read_registry(),
    )
    assert len(found.variants) == FAMILIES["components"]
    assert {variant.recipe.vision.width for variant in found.variants} == {256}
    assert {variant.recipe.training.epochs for variant in found.variants} == {8}
