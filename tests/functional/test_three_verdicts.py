"""A build with a band of uncertain scores, and what score, evaluate and the report make of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mfclip_sample import sample_folder


@pytest.fixture(scope="module")
def banded(command, workplace) -> Path:
    words = ("--set", "evaluation.uncertain_error=0.2", "--out", "runs/banded")
    command("mfclip-build", "--recipe", "tiny.toml", *words, cwd=workplace)
    return workplace / "runs" / "banded"


def rows(command, bundle, *words) -> list[dict[str, str]]:
    faces = sample_folder(96, 64, 0)
    done = command("mfclip", "score", bundle, faces, "--format", "csv", *words)
    return list(csv.DictReader(done.stdout.splitlines()))


def test_the_band_is_in_the_bundle(banded):
    about = json.loads((banded / "bundle.json").read_text())
    band = about["operating"]["band"]
    assert band["error"] == 0.2
    assert 0 <= band["low"] <= band["high"] <= 1
    assert (band["reals"], band["fakes"]) == (about["operating"]["reals"], band["fakes"])


def test_scores_have_three_verdicts_unless_two_are_asked_for(command, banded):
    band = json.loads((banded / "bundle.json").read_text())["operating"]["band"]
    found = rows(command, banded)
    assert {row["operating_point"] for row in found} == {"error-20"}
    said = {row["verdict"] for row in found}
    assert {"uncertain"} < said <= {"real", "fake", "uncertain"}
    for row in found:
        p_fake = float(row["p_fake"])
        if row["verdict"] == "uncertain":
            assert band["low"] - 1e-6 <= p_fake <= band["high"] + 1e-6
            assert row["reason"].startswith("p_fake is between ")
        else:
            assert row["reason"] == ""
            assert (p_fake >= band["high"] - 1e-6) == (row["verdict"] == "fake")
    two = rows(command, banded, "--threshold", "balanced")
    assert {row["verdict"] for row in two} <= {"real", "fake"}
    assert [row["p_fake"] for row in two] == [row["p_fake"] for row in found]


def test_test_figures_and_report_tell_them(banded):
    found = json.loads((banded / "metrics.json").read_text())["three_verdicts"]
    verdicts = csv.DictReader((banded / "scores-test.csv").open())
    said = [(row["label"], row["verdict"]) for row in verdicts]
    uncertain = sum(verdict == "uncertain" for _, verdict in said)
    wrong = sum(verdict not in (label, "uncertain") for label, verdict in said)
    assert found["uncertain"]["value"] == pytest.approx(uncertain / len(said))
    assert found["wrong_of_rest"]["value"] == pytest.approx(wrong / (len(said) - uncertain))
    report = (banded / "report.html").read_text()
    assert "Three verdicts on the test split" in report
    assert "<b>uncertain</b> between them" in report


def test_evaluate_prints_them(command, banded):
    data = sample_folder(96, 64, 0) / "manifest.csv"
    done = command("mfclip", "evaluate", banded, "--data", data, "--split", "val")
    assert "at most 20% wrong" in done.stdout


def test_without_the_setting_nothing_changes(command, bundle, built):
    assert json.loads((bundle / "bundle.json").read_text())["operating"]["band"] is None
    assert json.loads((bundle / "metrics.json").read_text())["three_verdicts"] is None
    assert "uncertain" not in (bundle / "report.html").read_text().replace("uncertain_", "")
    assert {row["operating_point"] for row in rows(command, bundle)} == {"balanced"}


def test_too_few_images_are_told(command, workplace):
    words = ("--set", "evaluation.uncertain_error=0.01", "--out", "runs/few")
    done = command("mfclip-build", "--recipe", "tiny.toml", *words, cwd=workplace)
    report = (workplace / "runs" / "few" / "report.html").read_text()
    assert "needs at least 99 real and 99 fake validation images" in report
    assert done.returncode == 0
