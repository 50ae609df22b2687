"""Right recipes: what they become."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from mfclip.errors import UsageError
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe, read_recipe_text

SMALL = '[vision]\nuse = "eye"\n'


def test_a_small_recipe_gets_every_default(read):
    recipe = read(SMALL)
    assert recipe == Recipe(name="recipe", vision={"use": "eye"} and recipe.vision)
    assert recipe.vision.model_dump() == {
        "use": "eye",
        "dim": 8,
        "patch": 16,
        "channels": (1, 2),
        "scale": 1.0,
        "pool": "mean",
        "bias": True,
        "weights": None,
    }
    assert recipe.training is None
    assert recipe.preprocessing.size == 224


def test_the_name_is_the_files_unless_it_has_one(read):
    assert read(SMALL).name == "recipe"
    assert read('name = "mine"\n' + SMALL).name == "mine"


def test_parts_in_parts(read):
    text = '[vision]\nuse = "pair"\n[vision.noise]\nuse = "eye"\ndim = 4\n'
    vision = read(text).vision
    assert (vision.image.use, vision.noise.use, vision.noise.dim) == ("eye", "eye", 4)


def test_a_slot_with_a_default_can_be_changed_without_naming_its_part(read):
    vision = read('[vision]\nuse = "pair"\n[vision.noise]\ndim = 4\n').vision
    assert (vision.noise.use, vision.noise.dim, vision.noise.bins) == ("ear", 4, 5)


def test_naming_another_part_starts_from_that_parts_defaults(read):
    vision = read('[vision]\nuse = "pair"\n[vision.image]\nuse = "ear"\n').vision
    assert (vision.image.use, vision.image.bins) == ("ear", 4)


def test_a_list_of_parts(read):
    text = SMALL + '[[loss]]\nuse = "plain"\n[[loss]]\nuse = "plain"\nweight = 0.5\n'
    assert [(term.use, term.weight) for term in read(text).loss] == [("plain", 1.0), ("plain", 0.5)]


def test_an_assembly_gives_what_the_recipe_does_not(read):
    recipe = read('assembly = "duo"\n[vision.noise]\ndim = 16\n[head]\nnormalise = false\n')
    assert recipe.assembly == "duo"
    assert recipe.vision.noise.bins == 7
    assert recipe.vision.noise.dim == 16
    assert recipe.vision.image.dim == 16
    assert recipe.text.dim == 16
    assert [(term.use, term.weight) for term in recipe.loss] == [("contrast", 1.0), ("plain", 3.0)]
    assert recipe.head.normalise is False


SHELF = 'assembly = "duo"\n[data]\nuse = "shelf"\nroot = "."\n'


def test_the_training_of_an_assembly_completes_that_of_a_recipe(read):
    training = read(SHELF + "[training]\nepochs = 2\n").training
    assert (training.epochs, training.learning_rate) == (2, 0.02)
    assert read(SHELF, "training.seed=3").training.epochs == 9


def test_the_training_of_an_assembly_trains_no_recipe_that_does_not_ask_for_it(read):
    assert read('assembly = "duo"\n').training is None
    assert read(SHELF).training is None


def test_another_part_takes_nothing_from_the_assembly(read):
    recipe = read('assembly = "duo"\n[vision.noise]\nuse = "eye"\ndim = 16\n')
    assert recipe.vision.noise.use == "eye"


def test_tables_of_an_assembly_can_be_removed(read):
    text = 'assembly = "duo"\ntext = false\nprompts = false\nalignment = false\n'
    recipe = read(text + '[[loss]]\nuse = "plain"\n')
    assert (recipe.text, recipe.prompts, recipe.alignment) == (None, None, None)
    assert recipe.vision.use == "pair"


def test_overrides_have_the_last_word(read):
    recipe = read(
        'assembly = "duo"\n[text]\ndim = 4\n',
        "text.dim=16",
        "loss.1.weight=2",
        "training.epochs=3",
        "training=false",
        "name=other",
    )
    assert recipe.text.dim == 16
    assert [term.weight for term in recipe.loss] == [1.0, 2.0]
    assert recipe.loss[0].temperature == 0.1
    assert recipe.name == "other"
    assert recipe.training is None


def test_an_override_can_choose_the_assembly_and_parts_in_any_order(read):
    assert read(SMALL + "dim = 16\n", "assembly=duo").text.use == "scribe"
    recipe = read('assembly = "duo"', "vision.dim=16", "vision.use=eye")
    assert (recipe.vision.use, recipe.vision.dim) == ("eye", 16)


def test_an_override_can_bring_a_whole_table(read):
    recipe = read(
        'assembly = "duo"', 'loss=[{ use = "plain" }]', 'vision={ use = "eye", dim = 16 }'
    )
    assert [term.use for term in recipe.loss] == ["plain"]
    assert recipe.vision.dim == 16


def test_paths_start_at_the_file_that_says_them(registry, plugins, tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    file = there / "recipe.toml"
    file.write_text(
        SMALL + 'weights = "w.bin"\n[data]\nuse = "shelf"\nroot = "../faces"\n'
        'files = ["a", "/b"]\ncache = "c"\ninside = "d"\n'
    )
    recipe = read_recipe(file, plugins=plugins, registry=registry)
    assert recipe.data.root == tmp_path / "faces"
    assert recipe.data.files == (there / "a", Path("/b"))
    assert recipe.data.cache == there / "c"
    assert recipe.data.inside == PurePath("d")
    assert recipe.vision.weights == there / "w.bin"


def test_paths_on_the_command_line_start_where_it_runs(read, folder: Path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    text = SMALL + '[data]\nuse = "shelf"\nroot = "faces"\n'
    assert read(text, "data.root=other").data.root == folder / "other"
    assert read(text, "data.root=~/faces").data.root == Path("/home/me/faces")


def test_a_word_that_is_a_choice_is_no_path(read):
    assert (
        read(SMALL + '[data]\nuse = "shelf"\nroot = "x"\ncache = "memory"\n').data.cache == "memory"
    )


def test_a_text_has_no_folder_and_no_name_of_its_own(registry, plugins):
    text = SMALL + '[data]\nuse = "shelf"\nroot = "faces"\n'
    recipe = read_recipe_text(text, "bundle", plugins=plugins, registry=registry)
    assert recipe.data.root == Path("faces")
    assert recipe.name == "detector"


def test_a_missing_file_names_the_nearest(folder: Path, registry):
    Path("mfclip.toml").touch()
    with pytest.raises(UsageError) as caught:
        read_recipe(Path("mfcilp.toml"), plugins=Plugins(), registry=registry)
    assert str(caught.value) == "no recipe at 'mfcilp.toml'; did you mean 'mfclip.toml'?"
    with pytest.raises(UsageError, match=r"^no recipe at 'nowhere/x\.toml'$"):
        read_recipe(Path("nowhere/x.toml"), plugins=Plugins(), registry=registry)
