"""Tables made from scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mfclip.bench.captions import Caption
from mfclip.bench.figures import Scored
from mfclip.bench.protocols import Options, make_protocol
from mfclip.bench.selections import Where
from mfclip.bench.table import MEASURES
from mfclip.bench.tables import LAST, Study, make_tables
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

from .conftest import REAL, data, rows


@pytest.fixture
def pooled():
    """Two groups, one with three fakes for each real image, one with one for three."""
    fake = ("fake", "EFS", "GAN", "alpha")
    return data(
        rows(REAL, "a", each=2), rows(fake, "a", each=6), rows(REAL, "b", each=6), rows(fake, "b")
    )


def study(manifest, **options) -> Study:
    return Study(
        protocol=make_protocol("robustness", manifest, Options(**options)),
        detectors=("one",),
        seeds=(0,),
        evaluation=EvaluationSettings(bootstrap=100),
        grouped=True,
        synthetic=False,
    )


def test_what_knowing_the_group_alone_would_reach_is_told_once(pooled):
    test = pooled.of_split("test")
    table = ScoreTable.from_manifest(test, np.linspace(-1, 1, len(test)))

    def read(experiment, detector, seed):
        conditions = {column.condition for column in experiment.columns}
        return Scored(fit_operating_points(table), dict.fromkeys(conditions, table))

    made = make_tables(study(pooled, corruptions=("blur", "noise"), levels=(1, 5)), read)[0]
    told = [line for line in made.caption if "pools groups" in line]
    # By group alone, a fake is above a real image in 6 * 6 pairs of 64, and level in 6 * 2 + 2 * 6.
    assert told == [
        "Every column pools groups with different shares of fakes: telling the groups apart, and "
        "nothing else, would reach an AUC of 75.0 there."
    ]


def test_a_study_of_some_fakes_has_a_folder_and_a_heading_of_its_own(pooled):
    some = study(pooled, among=(Where(column="forgery", value="EFS"),))
    assert some.slug == "robustness-among-efs"
    assert some.heading == "Robustness to corruptions (EFS)"
    assert study(pooled).slug == "robustness"


def test_corruptions_that_a_detector_was_trained_on_are_told(pooled):
    plain = study(pooled, corruptions=("blur", "noise"))
    known = {"one": ("jpeg", "noise", "pixelation")}
    told = [
        list(Caption(one, one.protocol.experiments, {}, {}).sentences(""))
        for one in (plain, plain.model_copy(update={"corrupted_with": known}))
    ]
    assert "No detector was trained on images with these corruptions." in told[0]
    assert "one was trained on images some of which had noise." in told[1]


def test_detectors_that_met_the_same_corruptions_share_a_sentence(pooled):
    names = {"one": ("noise",), "two": ("noise", "jpeg"), "three": ("blur",), "four": ("jpeg",)}
    several = study(pooled, corruptions=("blur", "noise")).model_copy(
        update={"corrupted_with": names, "detectors": tuple(names)}
    )
    caption = Caption(several, several.protocol.experiments, {}, {})
    assert [line for line in caption.sentences("") if "some of which" in line] == [
        "one, two were trained on images some of which had noise.",
        "three was trained on images some of which had blur.",
    ]


KINDS = {name: ("fake", "EFS", "GAN", name) for name in ("alpha", "beta", "gamma")}


@pytest.fixture
def three():
    """Three generators, each in a group of its own."""
    return data(
        *(rows(REAL, f"of {name}", each=6) for name in KINDS),
        *(rows(kind, f"of {name}", each=5) for name, kind in KINDS.items()),
    )


def left_out(manifest, detectors=("one", "two"), seeds=(0, 1), **options) -> Study:
    return Study(
        protocol=make_protocol("leave-one-out", manifest, Options(**options)),
        detectors=detectors,
        seeds=seeds,
        evaluation=EvaluationSettings(bootstrap=100),
        grouped=True,
        synthetic=False,
    )


def scores(manifest):
    """Another table of scores for each experiment, detector and seed, all at a threshold of 0.4."""
    test = manifest.of_split("test")

    def read(experiment, detector, seed):
        name = f"{experiment.name} {detector} {seed}"
        rng = np.random.default_rng(list(name.encode()))
        log_odds = np.array([r.is_fake for r in test.rows]) + rng.normal(size=len(test))
        table = ScoreTable.from_manifest(test, log_odds)
        return Scored(OperatingPoints(threshold=0.4), {None: table})

    return read


def test_a_row_for_each_left_out_kind_and_the_means_last(three):
    (found,) = make_tables(left_out(three), scores(three))
    assert (found.slug, found.corner) == ("leave-one-out", "Left-out generator")
    assert [(row.training, row.detector) for row in found.rows] == [
        (training, detector)
        for training in ("alpha", "beta", "gamma", LAST)
        for detector in ("one", "two")
    ]
    assert [column.name for column in found.columns] == ["left out", "the rest"]
    assert found.measures == MEASURES
    assert found.average == ""
    assert {row.average for row in found.rows} == {None}
    for place, within in enumerate((False, True)):
        for detector in (0, 1):
            *cells, mean = (row.cells[place] for row in found.rows[detector::2])
            assert {cell.within for cell in (*cells, mean)} == {within}
            assert mean.counts is None
            for measure in MEASURES:
                taken = np.array([cell.entry(measure).values for cell in cells])
                assert mean.entry(measure).values == pytest.approx(taken.mean(axis=0).tolist())
                assert mean.entry(measure).low is None
                assert all(cell.entry(measure).low is not None for cell in cells)


def test_its_figures_are_those_of_the_left_out_fakes_and_of_the_reals_beside_them(three):
    (found,) = make_tables(left_out(three), scores(three))
    about = next(e for e in left_out(three).protocol.experiments if e.name == "all but beta")
    row = next(r for r in found.rows if (r.training, r.detector) == ("beta", "two"))
    for seed in (0, 1):
        scored = scores(three)(about, "two", seed).tables[None]
        flagged = 1 / (1 + np.exp(-scored.log_odds)) >= 0.4
        for cell, kept in (
            (row.cells[0], scored.group == "of beta"),
            (row.cells[1], scored.group != "of beta"),
        ):
            reals, fakes = kept & ~scored.is_fake, kept & scored.is_fake
            assert (cell.counts.reals, cell.counts.fakes) == (reals.sum(), fakes.sum())
            assert cell.false_alarms.values[seed] == pytest.approx(flagged[reals].mean())
            assert cell.found.values[seed] == pytest.approx(flagged[fakes].mean())
            over = scored.log_odds[fakes] > scored.log_odds[reals].max()
            assert cell.tpr_at_fpr_1.values[seed] == pytest.approx(over.mean())


def test_the_caption_counts_the_images_of_each_row(three):
    (found,) = make_tables(left_out(three, seeds=(0,)), scores(three))
    said = "\n".join(found.caption)
    assert "All figures in percent. One training a row (seed 0)" in said
    assert "Each row leaves the fakes of one generator out of training and validation." in said
    assert "Training images (real / fake; for validation): all but alpha 12 / 10 (12 / 10);" in said
    assert "Test images (real / fake; the rest): alpha 6 / 5 (12 / 10); beta 6 / 5" in said
    assert "† marks tests on kinds of fakes trained on." in said
    assert "Fewer than 30 images of a class: alpha (left out), alpha (the rest), beta" in said
    assert "means leave them out" not in said


def test_one_left_out_kind_has_no_mean(three):
    (found,) = make_tables(left_out(three, train=("all but beta",)), scores(three))
    assert [row.training for row in found.rows] == ["beta", "beta"]


def test_reals_of_a_left_out_group_are_told_where_all_reals_are_taken(three):
    (found,) = make_tables(left_out(three, leave="group", reals="all"), scores(three))
    assert any(
        "all of the split" in line and "those of the left out group only in the test" in line
        for line in found.caption
    )


def test_what_is_left_out_has_a_folder_and_a_heading_of_its_own(three):
    assert (left_out(three).slug, left_out(three).heading) == (
        "leave-one-out", "Leave-one-out generalisation by generator",
    )  # fmt: skip
    by_group = left_out(three, leave="group", among=(Where(column="forgery", value="EFS"),))
    assert by_group.slug == "leave-one-out-group-among-efs"
    assert by_group.heading == "Leave-one-out generalisation by group (EFS)"
