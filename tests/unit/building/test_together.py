from __future__ import annotations

import pytest

from mfclip.building.together import require_shareable
from mfclip.errors import UsageError
from mfclip.plugins.discovery import discover
from mfclip.ranks.place import Place
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

RECIPE = 'recipe = 1\nname = "one"\nassembly = "mfclip-small"\n[data]\nuse = "sample"\n'


def recipe(more: str):
    return read_recipe_text(
        RECIPE + more, "recipe.toml", plugins=discover(), registry=read_registry()
    )


def test_as_many_processes_as_images_in_a_batch():
    three = recipe("[training]\nbatch_size = 3\n")
    require_shareable(three, Place(2, 3, 2, 3))
    with pytest.raises(UsageError, match=r"4 processes share batches of 3.*start 3 processes"):
        require_shareable(three, Place(0, 4, 0, 4))


def test_nothing_to_train_is_nothing_to_share():
    untrained = recipe("").model_copy(update={"training": None})
    require_shareable(untrained, Place())
    with pytest.raises(UsageError, match=r"no \[training\].*without torchrun"):
        require_shareable(untrained, Place(0, 2, 0, 2))
