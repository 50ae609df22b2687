from __future__ import annotations

import numpy as np
import pytest

from mfclip.bench.selections import LEVELS, Selection, Where, count, pair
from mfclip.metrics.scores import ScoreTable

from .conftest import REAL, data, rows

ALPHA = ("fake", "EFS", "GAN", "alpha")
BETA = ("fake", "EFS", "GAN", "beta")
ON_ALPHA = (Where(column="generator", value="alpha"),)


@pytest.fixture
def grouped():
    return data(
        rows(REAL, "x"), rows(ALPHA, "x"), rows(REAL, "y"), rows(BETA, "y"), rows(REAL, "z")
    )


def names(manifest, selection):
    return {row.path.name.rsplit("-", 2)[0] for row in manifest.rows if selection.takes(row)}


def test_reals_come_from_the_groups_of_the_fakes(grouped):
    selection, note = pair(grouped, ON_ALPHA, "same-group", ("test",))
    assert selection.groups == ("x",)
    assert note == ""
    assert names(grouped, selection) == {"real-x", "fake-EFS-GAN-alpha-x"}


def test_only_the_splits_asked_for_say_which_groups(grouped):
    more = data(list(grouped.rows), rows(ALPHA, "z", ("test",)))
    assert pair(more, ON_ALPHA, "same-group", ("train", "val"))[0].groups == ("x",)
    assert pair(more, ON_ALPHA, "same-group", ("test",))[0].groups == ("x", "z")


def test_all_reals_where_asked_for(grouped):
    selection, _ = pair(grouped, ON_ALPHA, "all", ("test",))
    assert names(grouped, selection) == {"real-x", "real-y", "real-z", "fake-EFS-GAN-alpha-x"}


def test_all_reals_and_no_warning_where_the_data_have_no_groups(crossed):
    assert pair(crossed, ON_ALPHA, "same-group", ("test",)) == (Selection(fakes=ON_ALPHA), "")


def test_a_group_without_reals_is_told():
    alone = data(rows(REAL, "x"), rows(ALPHA, "y"))
    selection, note = pair(alone, ON_ALPHA, "same-group", ("test",))
    assert selection.groups is None
    assert "no reals in y" in note
    assert "any other difference between the groups" in note


def test_one_group_of_two_without_reals_is_told():
    some = data(rows(REAL, "x"), rows(ALPHA, "x"), rows(ALPHA, "y"))
    selection, note = pair(some, ON_ALPHA, "same-group", ("test",))
    assert selection.groups == ("x", "y")
    assert note.startswith("no reals in y")


@pytest.mark.parametrize("column", LEVELS)
@pytest.mark.parametrize("groups", [None, ("x",), ("x", "z")])
def test_a_table_of_scores_is_cut_as_the_manifest_is(grouped, column, groups):
    for value in ("alpha", "EFS", "GAN", "x", "nowhere"):
        selection = Selection(fakes=(Where(column=column, value=value),), groups=groups)
        table = ScoreTable.from_manifest(grouped, np.zeros(len(grouped)))
        assert selection.mask(table).tolist() == [selection.takes(row) for row in grouped.rows]


def test_counts_say_what_is_lacking(crossed):
    assert count(crossed.rows, Selection().takes).lacks == ""
    assert count(crossed.rows, lambda row: row.label.label == "fake").lacks == "real"
    assert count([], Selection().takes).lacks == "real and fake"


def test_a_selection_survives_json(grouped):
    selection, _ = pair(grouped, ON_ALPHA, "same-group", ("test",))
    assert Selection.model_validate_json(selection.model_dump_json()) == selection
