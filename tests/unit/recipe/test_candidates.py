"""``[candidates]``: combinations, each checked as a recipe, each mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.errors import RecipeError
from mfclip.recipe.candidates import candidates_of
from mfclip.recipe.render import to_toml

START = """\
assembly = "duo"
[data]
use = "shelf"
root = "images"
[training]
epochs = 3
validation = "left-out:generator"
"""
"""Seven lines; the table begins on the eighth."""


def test_every_combination_in_order_the_last_key_fastest(read, plugins):
    recipe = read(
        START + "[candidates]\ntraining.learning_rate = [0.1, 0.2]\nloss.1.weight = [1, 2]"
    )
    found = candidates_of(recipe, plugins)
    assert [str(one) for one in found] == [
        "training.learning_rate=0.1, loss.1.weight=1.0",
        "training.learning_rate=0.1, loss.1.weight=2.0",
        "training.learning_rate=0.2, loss.1.weight=1.0",
        "training.learning_rate=0.2, loss.1.weight=2.0",
    ]
    for one in found:
        training, loss = one.recipe.training, one.recipe.loss
        assert training.learning_rate == one.settings["training.learning_rate"]
        assert loss[1].weight == one.settings["loss.1.weight"]
        assert (training.epochs, loss[0].temperature, one.recipe.candidates) == (3, 0.1, None)
        assert one.recipe.name == recipe.name
        assert one.recipe.assembly == "duo"


def test_a_candidate_is_what_set_would_make_of_the_recipe(read, plugins):
    recipe = read(START + '[candidates]\nvision.image = [{ use = "ear", dim = 16 }, { patch = 8 }]')
    ear, eye = (one.recipe for one in candidates_of(recipe, plugins))
    assert ear == read(START, 'vision.image={use = "ear", dim = 16}')
    assert eye == read(START, "vision.image={patch = 8}")
    assert (eye.vision.image.use, eye.vision.image.dim) == ("eye", 16)


def test_without_candidates_the_recipe_is_the_only_one(read, plugins):
    recipe = read(START)
    (only,) = candidates_of(recipe, plugins)
    assert (only.recipe, only.settings, str(only)) == (recipe, {}, "")


def test_dotted_keys_may_be_quoted_or_not(read):
    bare = read(START + "[candidates]\ntraining.learning_rate = [0.1]")
    quoted = read(START + '[candidates]\n"training.learning_rate" = [0.1]')
    nested = read(START + "[candidates.training]\nlearning_rate = [0.1]")
    assert bare == quoted == nested
    assert bare.candidates == {"training.learning_rate": (0.1,)}


def test_a_filled_in_recipe_has_the_same_candidates(read, plugins):
    noise = "vision.noise = [{ use = 'ear' }, { bins = 9 }]"
    text = f"[candidates]\nvision.image.dim = [16]\ntext.dim = [16]\n{noise}\n"
    recipe = read(START + text)
    again = read(to_toml(recipe))
    assert again.candidates == recipe.candidates
    assert candidates_of(again, plugins) == candidates_of(recipe, plugins)


def test_a_relative_path_starts_at_the_folder_of_the_recipe(read, plugins, folder):
    recipe = read(START + '[candidates]\nvision.image = [{ weights = "mine.bin" }]')
    (found,) = candidates_of(recipe, plugins)
    assert found.settings == {"vision.image": {"weights": str(found.recipe.vision.image.weights)}}
    assert found.recipe.vision.image.weights == recipe.data.root.parent / "mine.bin"
    assert found.recipe.vision.image.weights.is_absolute()


def test_set_adds_changes_and_removes_candidates(read):
    text = START + "[candidates]\ntraining.learning_rate = [0.1, 0.2]"
    assert read(text, "candidates=false").candidates is None
    changed = read(
        text, "candidates.training.learning_rate=[0.3]", 'candidates."loss.1.weight"=[1]'
    )
    assert changed.candidates == {"training.learning_rate": (0.3,), "loss.1.weight": (1.0,)}


WRONG = {
    "a value": (
        "[candidates]\nvision.image.dim = [16]\ntraining.learning_rate = [\n  0.1,\n  -1,\n]",
        "recipe.toml:12: training.learning_rate: should be greater than 0, got -1\n"
        "    in the candidate vision.image.dim=16, training.learning_rate=-1",
    ),
    "a key, in every candidate that has it": (
        "[candidates]\nvision.image.dmi = [16]\ntraining.epochs = [1, 2, 3]",
        "recipe.toml:9: vision.image.dmi: unknown key 'dmi'; did you mean 'dim'?\n"
        "    eye takes: use, dim, patch, channels, scale, pool, bias, weights\n"
        "    in the candidate vision.image.dmi=16, training.epochs=1 and 2 others",
    ),
    "parts that do not fit": (
        "[candidates]\ntext.dim = [16, 32]",
        "recipe.toml:9: text: image and text embeddings are compared and must be equally wide, "
        "got 16 from 'pair' (acme.toml:4) and 32 from 'scribe' (recipe.toml:9)\n"
        "    in the candidate text.dim=32",
    ),
    "no list": (
        "[candidates]\ntraining.epochs = 3",
        "recipe.toml:8: candidates: 'training.epochs' should have a list of values to try, got 3",
    ),
    "an empty list": (
        "[candidates]\n'training.epochs' = []",
        "recipe.toml:8: candidates: 'training.epochs' should have a list of values to try, got []",
    ),
    "the data": (
        "[candidates]\ndata.split_seed = [1]",
        "recipe.toml:9: candidates.data.split_seed: may not differ between candidates: data: "
        "candidates are compared on the same images",
    ),
    "the name": (
        "[candidates]\nname = ['a']",
        "recipe.toml:9: candidates.name: may not differ between candidates: name: it changes "
        "nothing that is learnt",
    ),
    "the validation": (
        "[candidates]\ntraining = [{ epochs = 2 }, { validation = 'val' }]",
        "recipe.toml:9: candidates.training: may not differ between candidates: "
        "training.validation: it is how the candidates are compared",
    ),
    "the seed": (
        "[candidates]\ntraining.seed = [1, 2]",
        "recipe.toml:9: candidates.training.seed: may not differ between candidates: "
        "training.seed: a seed that was lucky on some images is not on others",
    ),
    "a value twice": (
        "[candidates]\ntraining.epochs = [1, 2, 1]",
        "recipe.toml:9: candidates.training.epochs: has a value twice, which would train the "
        "same again",
    ),
    "a key inside another": (
        "[candidates]\n'text.dim' = [16]\ntext = [{ dim = 16 }]",
        "recipe.toml:9: candidates.text.dim: lies inside another key of this table; give whole "
        "tables, or their keys",
    ),
    "a key that is none": (
        "[candidates]\n'training..epochs' = [1]",
        "recipe.toml:9: candidates.training..epochs: is no dotted key, such as "
        "training.learning_rate",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_by_line(complaints, case):
    text, said = WRONG[case]
    assert complaints(START + text) == said


def test_too_many_combinations_are_not_even_tried(complaints):
    numbers = list(range(1, 41))
    text = f"[candidates]\ntraining.epochs = {numbers}\ntraining.batch_size = {numbers}"
    assert complaints(START + text) == (
        "recipe.toml:8: candidates: asks for 1600 combinations; at most 100 are tried"
    )


def test_candidates_need_kinds_left_out(complaints):
    said = complaints(START.replace("left-out:generator", "val") + "[candidates]\ntext.dim = [16]")
    assert said.startswith("recipe.toml:8: candidates: candidates are chosen among by kinds")
    assert 'write validation = "left-out:generator"' in said
    alone = 'vision = { use = "eye" }\n[candidates]\nvision.dim = [8]'
    assert "[training]" in complaints(alone)


def test_patience_does_not_go_with_kinds_left_out(complaints):
    said = complaints(START + "patience = 2\n")
    assert said.startswith("recipe.toml:8: training.patience: ends a training by its own")
    told = complaints(START + "[candidates]\ntraining.patience = [2]")
    assert told.endswith("in the candidate training.patience=2")


def test_a_misspelt_validation_is_told_once(complaints):
    text = START.replace("validation", "validaton") + "[candidates]\ntext.dim = [16]"
    said = complaints(text)
    assert "did you mean 'validation'?" in said
    assert "candidates are chosen" not in said


def test_the_recipe_of_a_program_is_checked_as_well(read, plugins):
    recipe = read(START).model_copy(update={"candidates": {"training.epochs": (0,)}})
    with pytest.raises(RecipeError, match=r"the recipe: training\.epochs: should be greater than"):
        candidates_of(recipe, plugins)
    assert Path(recipe.data.root).is_absolute()
