from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from mfclip.errors import DataError
from mfclip.evaluation.compare import Comparison, compare
from mfclip.evaluation.compare_markdown import render
from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.delong import paired_test
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.videos import by_video
from mfclip.recipe.settings import EvaluationSettings

QUICK = EvaluationSettings(bootstrap=200)
N = 240


@pytest.fixture
def pair(drawn):
    """A good detector, and one that is worse in group b only."""
    table = drawn(N, group=np.where(np.arange(N) % 2, "a", "b"))
    rng = np.random.default_rng(1)
    made_by = np.where(table.is_fake, np.where(np.arange(N) % 3, "g1", "g2"), "")
    table = dataclasses.replace(table, generator=made_by)
    noise = np.where(table.group == "b", 5.0, 0.1) * rng.normal(size=N)
    return table, dataclasses.replace(table, log_odds=table.log_odds + noise)


def test_rows_and_aucs_are_those_of_an_evaluation(pair):
    found = compare(*pair, QUICK)
    evaluations = [evaluate(table, OperatingPoints(), QUICK) for table in pair]
    rows = [[row for row in each.rows() if row.kind != "mean"] for each in evaluations]
    for compared, of_a, of_b in zip(found.rows, *rows, strict=True):
        assert (compared.kind, compared.name) == (of_a.kind, of_a.name)
        assert (compared.reals, compared.fakes) == (of_a.reals, of_a.fakes)
        assert compared.against == of_a.against
        assert compared.identities == of_a.identities
        for test in (compared.bootstrap, compared.delong):
            aucs = (of_a.roc_auc.value, of_b.roc_auc.value)
            assert (test.auc_a, test.auc_b) == pytest.approx(aucs, abs=1e-12)


def test_a_difference_shows_where_it_is(pair):
    rows = {row.name: row for row in compare(*pair, QUICK).rows}
    assert rows["b"].bootstrap.p_value < 0.02
    assert rows["b"].bootstrap.low > 0
    assert rows["a"].bootstrap.p_value > 0.1
    part = pair[0].where(pair[0].group == "b")
    other = pair[1].where(pair[1].group == "b")
    assert rows["b"].delong == paired_test(part.is_fake, part.log_odds, other.log_odds)


def test_the_order_of_the_images_does_not_matter(pair):
    a, b = pair
    shuffled = b.where(np.random.default_rng(0).permutation(N))
    assert compare(a, shuffled, QUICK) == compare(a, b, QUICK)


def test_images_without_both_scores_are_left_out(pair):
    a, b = pair
    a.log_odds[0] = b.log_odds[1] = math.nan
    found = compare(a, b, QUICK)
    assert found.unscored == 2
    assert found.rows[0].reals + found.rows[0].fakes == N - 2


def test_videos_are_compared_too(pair):
    a, b = (table.where(table.group == "a") for table in pair)
    video = np.char.add(a.generator, (np.arange(len(a)) % 10).astype(str))
    a, b = (dataclasses.replace(table, video=video) for table in (a, b))
    found = compare(a, b, QUICK, ("one", "two"))
    assert found.videos == compare(by_video(a), by_video(b), QUICK, ("one", "two")).model_copy(
        update={"rows": found.videos.rows}
    )
    assert found.videos.rows[0].bootstrap.auc_a == pytest.approx(
        evaluate(by_video(a), OperatingPoints(), QUICK).overall.roc_auc.value
    )
    assert found.rows[0].identities == len(set(video))


def test_one_sided_groups_give_reasons(table_of):
    fake = np.arange(80) < 40
    table = table_of(fake, np.arange(80.0) % 7, group=np.where(fake, "renders", "photos"))
    rows = {row.name: row for row in compare(table, table, QUICK).rows}
    assert rows["photos"].bootstrap.undefined == "no fake images"
    assert math.isnan(rows["renders"].delong.p_value)
    assert rows["overall"].bootstrap.p_value == 1


def test_few_images_and_identities_are_named(table_of):
    table = table_of([0, 1] * 10, np.arange(20.0), identity=["p", "q"] * 10)
    (row,) = compare(table, table, QUICK).rows
    assert any("only 10 real and 10 fake images" in text for text in row.warnings)
    assert any("only 2 identities" in text for text in row.warnings)


def test_other_images_are_refused(drawn):
    with pytest.raises(DataError, match="not scored on the same images"):
        compare(drawn(10), drawn(12), QUICK)


def test_json_gives_the_same_comparison(pair):
    found = compare(*pair, QUICK, ("x", "y"))
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_the_table_holds_every_row_and_says_who_is_who(pair):
    found = compare(*pair, QUICK, ("runs/x", "runs/y"))
    text = render(found)
    lines = text.splitlines()
    assert lines[:3] == ["A: runs/x", "", "B: runs/y"]
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(found.rows)
    assert {line.count("|") for line in table} == {10}
    overall = found.rows[0].bootstrap
    assert f"| {overall.auc_a * 100:.1f} | {overall.auc_b * 100:.1f} | " in table[2]
    assert f"{overall.difference * 100:+.1f} [{overall.low * 100:+.1f}, " in table[2]
    assert "< 0.001" in text
    assert "looking at 5 rows" in text
    assert "nan" not in text


def test_the_table_shows_what_is_missing(table_of):
    table = table_of([1, 1, 1], [0.0, 1.0, math.nan], video=["v", "v", "w"])
    text = render(compare(table, table, QUICK))
    assert "- overall: no real images" in text
    assert "- images without two scores, left out: 1" in text
    assert "By video" in text
    assert "nan" not in text
