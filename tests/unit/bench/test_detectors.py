from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.bench.detectors import Source, read_candidates, read_variants, sources
from mfclip.errors import RecipeError, UsageError
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry

BASE = """
recipe = 1
assembly = "clip-small"
[data]
use = "folder"
root = "{root}"
[training]
epochs = 1
"""


@pytest.fixture(scope="module")
def known():
    return discover(), read_registry()


@pytest.fixture
def base(tmp_path) -> Path:
    file = tmp_path / "base.toml"
    file.write_text(BASE.format(root="faces"))
    return file


def test_recipes_are_detectors_called_as_their_files():
    found = sources([Path("a/one.toml"), Path("two.toml")], [])
    assert [(one.name, one.overrides) for one in found] == [("one", ()), ("two", ())]


def test_one_recipe_with_several_assemblies(base, known):
    words = ["plain=cvit-small", "with noise=mfclip-small vision.noise.patch_size=56"]
    found = read_candidates(sources([base], words), ["training.epochs=3"], *known)
    assert [one.name for one in found] == ["plain", "with noise"]
    assert [one.recipe.assembly for one in found] == ["cvit-small", "mfclip-small"]
    assert found[1].recipe.vision.noise.patch_size == 56
    assert {one.recipe.training.epochs for one in found} == {3}
    assert found[1].slug == "with-noise"


@pytest.mark.parametrize("text", ["cvit", "=cvit", "name=", "name= "])
def test_a_detector_without_name_or_assembly_is_told(text):
    with pytest.raises(UsageError, match="should be NAME=ASSEMBLY"):
        sources([Path("base.toml")], [text])


def test_detectors_need_one_recipe():
    with pytest.raises(UsageError, match="one --recipe to start from, got 2"):
        sources([Path("a"), Path("b")], ["x=cvit"])


def test_problems_of_all_recipes_come_at_once(base, tmp_path, known):
    (tmp_path / "bare.toml").write_text('recipe = 1\nassembly = "clip-small"\n')
    (tmp_path / "wrong.toml").write_text('recipe = 1\nassembly = "clop"\n')
    found = [Source(name, tmp_path / f"{name}.toml") for name in ("bare", "wrong")]
    with pytest.raises(RecipeError) as caught:
        read_candidates(found, (), *known)
    for words in ("bare.toml has no [data]", "bare.toml has no [training]", "wrong:", "'clop'"):
        assert words in str(caught.value)


def test_two_of_one_name_are_refused(base, known):
    twice = [Source("a b", base), Source("A-B", base)]
    with pytest.raises(UsageError, match="2 detectors are called 'a b', 'A-B'"):
        read_candidates(twice, (), *known)


def test_other_data_are_refused(base, tmp_path, known):
    (tmp_path / "other.toml").write_text(BASE.format(root="else"))
    with pytest.raises(UsageError, match="base and other are on different data"):
        read_candidates(sources([base, tmp_path / "other.toml"], []), (), *known)


def test_no_recipe_at_all_is_told(known):
    with pytest.raises(UsageError, match="--recipe"):
        read_candidates([], (), *known)


def test_variants_of_an_ablation_are_detectors(base, tmp_path, known):
    file = tmp_path / "levels.toml"
    file.write_text(
        'title = "Rates"\n[bases]\nclip = "base.toml"\n'
        "[variants.slow]\ntraining.learning_rate = 1e-5\n"
        "[variants.fast]\ntraining.learning_rate = 1e-3\n"
    )
    title, found = read_variants(file, (), ["training.epochs=2"], ["fast"], *known)
    assert title == "Rates"
    (fast,) = found
    assert (fast.name, fast.recipe.training.learning_rate) == ("fast", 1e-3)
    assert fast.recipe.training.epochs == 2
