"""Recipes that choose by kinds left out, in a grid whose cells may hold too few kinds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mfclip.bench.run import check_folds
from mfclip.data.kind_folds import kind_folds
from mfclip.errors import DataError
from mfclip.recipe.settings import TrainingSettings


def cell(name, manifest, validation):
    training = TrainingSettings(validation=validation)
    return SimpleNamespace(name=name, manifest=manifest, recipe=SimpleNamespace(training=training))


def test_a_cell_without_two_kinds_is_named_before_anything_is_trained(crossed):
    one = type(crossed)(
        crossed.root, tuple(row for row in crossed if row.label.generator in ("", "gamma"))
    )
    assert len(kind_folds(crossed, "generator")) == 3
    check_folds([cell("all", crossed, "left-out:generator"), cell("FS", one, "val")])
    cells = [cell("all", crossed, "left-out:generator"), cell("FS", one, "left-out:generator")]
    with pytest.raises(DataError, match=r"^FS: validation 'left-out:generator': .*'gamma'"):
        check_folds(cells)
