"""mfclip compare from outside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable, write_scores


def write(folder: Path, name: str, scores: np.ndarray) -> Path:
    folder.mkdir()
    n = len(scores)
    empty = np.full(n, "")
    table = ScoreTable(
        path=np.array([f"{i}.png" for i in range(n)]),
        log_odds=scores,
        is_fake=np.arange(n) % 2 == 0,
        group=np.array(["x", "y", "y", "x"] * (n // 4)),
        forgery=empty,
        family=empty,
        generator=empty,
        identity=empty,
    )
    write_scores(table, OperatingPoints(), folder / name)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """What a build and an evaluation leave: the first detector is the better one."""
    rng = np.random.default_rng(0)
    good = rng.normal(size=160) + 3 * (np.arange(160) % 2 == 0)
    return [
        write(tmp_path / "good", "scores-test.csv", good),
        write(tmp_path / "bad", "scores.csv", good + 6 * rng.normal(size=160)),
    ]


def test_two_detectors_are_compared_overall_and_by_group(folders, command) -> None:
    done = command("mfclip", "compare", *folders, "--resamples", 200)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    names = [row.split("|")[1].strip() for row in rows]
    assert names == ["", ":--", "**overall**", "group x", "group y"]
    assert f"A: {folders[0]}" in done.stdout
    assert "| < 0.001 |" in rows[2]


def test_json_holds_the_same_figures(folders, command) -> None:
    done = command("mfclip", "compare", *folders, "--resamples", 200, "--json")
    overall = json.loads(done.stdout)["rows"][0]
    assert overall["bootstrap"]["difference"] > 0.1
    assert overall["bootstrap"]["difference"] == pytest.approx(overall["delong"]["difference"])
    assert overall["delong"]["p_value"] < 1e-6


def test_other_images_and_no_scores_are_refused(folders, tmp_path, command) -> None:
    other = write(tmp_path / "other", "scores.csv", np.arange(40.0))
    done = command("mfclip", "compare", folders[0], other, code=5)
    assert "error: the two were not scored on the same images: 120 (such as " in done.stderr
    (tmp_path / "empty").mkdir()
    done = command("mfclip", "compare", folders[0], tmp_path / "empty", code=6)
    assert "holds no scores (scores-test.csv or scores.csv)" in done.stderr
    done = command("mfclip", "compare", folders[0], tmp_path / "gone", code=2)
    assert "there is no such folder" in done.stderr
