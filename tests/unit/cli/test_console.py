"""What the console shows of a detector's parts."""

from __future__ import annotations

from mfclip.cli.console import parts_table
from mfclip.detector.assemble import assemble
from mfclip.detector.cost import cost
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry


def test_the_last_row_counts_every_parameter_once():
    text = 'assembly = "mfclip-small"\ntext = false\nprompts = false\nalignment = false\n'
    recipe = read_recipe_text(
        text + '[[loss]]\nuse = "cross-entropy"\n',
        "recipe",
        plugins=discover(),
        registry=read_registry(),
    )
    detector = assemble(recipe, None)
    table = parts_table(cost(detector, recipe.preprocessing.size, 2, 24))
    names, parameters, _ = (list(column.cells) for column in table.columns)
    assert {"vision", "vision.image", "vision.noise", "head"} <= set(names)
    assert names[-1] == "all"
    total = sum(parameter.numel() for parameter in detector.parameters())
    assert parameters[-1] == f"{total / 1e6:.3f} M"
