from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfclip.bench.selections import LEVELS, Selection, Where, count, pair
from mfclip.data.kinds import Kinds
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
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
    selection, note = pair(Kinds.of(grouped).tally, ON_ALPHA, "same-group", ("test",))
    assert selection.groups == ("x",)
    assert note == ""
    assert names(grouped, selection) == {"real-x", "fake-EFS-GAN-alpha-x"}


def test_only_the_splits_asked_for_say_which_groups(grouped):
    more = data(list(grouped.rows), rows(ALPHA, "z", ("test",)))
    assert pair(Kinds.of(more).tally, ON_ALPHA, "same-group", ("train", "val"))[0].groups == ("x",)
    assert pair(Kinds.of(more).tally, ON_ALPHA, "same-group", ("test",))[0].groups == ("x", "z")


def test_all_reals_where_asked_for(grouped):
    selection, _ = pair(Kinds.of(grouped).tally, ON_ALPHA, "all", ("test",))
    assert names(grouped, selection) == {"real-x", "real-y", "real-z", "fake-EFS-GAN-alpha-x"}


def test_all_reals_and_no_warning_where_the_data_have_no_groups(crossed):
    assert pair(Kinds.of(crossed).tally, ON_ALPHA, "same-group", ("test",)) == (
        Selection(fakes=ON_ALPHA),
        "",
    )


def test_a_group_without_reals_is_told():
    alone = data(rows(REAL, "x"), rows(ALPHA, "y"))
    selection, note = pair(Kinds.of(alone).tally, ON_ALPHA, "same-group", ("test",))
    assert selection.groups is None
    assert "no reals in y" in note
    assert "any other difference between the groups" in note


def test_one_group_of_two_without_reals_is_told():
    some = data(rows(REAL, "x"), rows(ALPHA, "x"), rows(ALPHA, "y"))
    selection, note = pair(Kinds.of(some).tally, ON_ALPHA, "same-group", ("test",))
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
    assert count(Kinds.of(crossed).tally, Selection().takes).lacks == ""
    assert count(Kinds.of(crossed).tally, lambda row: row.label.label == "fake").lacks == "real"
    assert count({}, Selection().takes).lacks == "real and fake"


def test_a_selection_survives_json(grouped):
    selection, _ = pair(Kinds.of(grouped).tally, ON_ALPHA, "same-group", ("test",))
    assert Selection.model_validate_json(selection.model_dump_json()) == selection


TEXTS = st.sampled_from(["", "a", "b", "A", "a b"])
KINDS = st.one_of(st.just(REAL), st.tuples(st.just("fake"), TEXTS, TEXTS, TEXTS))
CONDITIONS = st.builds(Where, column=st.sampled_from(LEVELS), value=TEXTS, equal=st.booleans())
SELECTIONS = st.builds(
    Selection,
    fakes=st.lists(CONDITIONS, max_size=3).map(tuple),
    groups=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
)


@given(SELECTIONS, st.lists(st.tuples(KINDS, TEXTS), min_size=1, max_size=8))
def test_rows_and_scores_are_always_cut_alike(selection, found):
    made = Manifest(
        Path("faces"),
        tuple(
            Row(Path(f"{i}.png"), HierarchicalLabel(*kind), "test", "", group)
            for i, (kind, group) in enumerate(found)
        ),
    )
    mask = selection.mask(ScoreTable.from_manifest(made, np.zeros(len(made)))).tolist()
    assert mask == [selection.takes(row) for row in made.rows]
    # And both as the words have it, column by column.
    for taken, (kind, group) in zip(mask, found, strict=True):
        held = dict(zip(LEVELS, (*kind[1:], group), strict=True))
        if kind == REAL:
            assert taken == (selection.groups is None or group in selection.groups)
        else:
            assert taken == all(
                held[where.column] == where.value
                if where.equal
                else held[where.column] != where.value
                for where in selection.fakes
            )


@given(SELECTIONS)
def test_any_selection_survives_json(selection):
    assert Selection.model_validate_json(selection.model_dump_json()) == selection


def test_the_text_of_an_earlier_selection_is_as_it_was():
    """It seeds the resamples of its intervals, and a record without the newer key reads."""
    text = '{"fakes":[{"column":"generator","value":"alpha"}],"groups":null}'
    assert Selection.model_validate_json(text) == Selection(fakes=ON_ALPHA)
    assert Selection(fakes=ON_ALPHA).model_dump_json() == text
    other = Where(column="generator", value="alpha", equal=False)
    assert json.loads(other.model_dump_json())["equal"] is False


@pytest.mark.parametrize("reals", ["same-group", "all"])
def test_fakes_of_no_group_x_go_without_the_reals_of_x(grouped, reals):
    fakes = (Where(column="group", value="x", equal=False),)
    selection, note = pair(Kinds.of(grouped).tally, fakes, reals, ("test",))
    assert note == ""
    more = {"real-z"} if reals == "all" else set()
    assert names(grouped, selection) == {"real-y", "fake-EFS-GAN-beta-y", *more}
