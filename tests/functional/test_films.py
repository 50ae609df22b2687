"""Films by the installed command: rows, timeline, annotated copy, explanation, exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def film(make_film, bundle: Path) -> Path:
    draw = np.random.default_rng(0)
    smooth = draw.integers(60, 200, (1, 6, 8, 3), dtype=np.uint8)
    pictures = [
        np.asarray(Image.fromarray(np.roll(smooth[0], n // 5, 1)).resize((96, 72)))
        for n in range(40)
    ]
    return make_film("film.mp4", pictures)


def test_a_film_its_timeline_and_its_copy(bundle: Path, film: Path, command, tmp_path) -> None:
    csv_, copy = tmp_path / "t.csv", tmp_path / "copy.mp4"
    words = ["mfclip", "score", bundle, film, "--frames", 8, "--format", "csv"]
    done = command(*words, "--timeline", csv_, "--annotate", copy)
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["path"], row["status"]) == (str(film), "ok")
    assert row["reason"] == "8 frames of 40"
    assert f"wrote {csv_}" in done.stderr
    frames = list(csv.DictReader(csv_.open()))
    assert [int(one["frame"]) for one in frames] == [2, 7, 12, 17, 22, 27, 32, 37]
    odds = [np.log(float(f["p_fake"]) / (1 - float(f["p_fake"]))) for f in frames]
    assert float(row["p_fake"]) == pytest.approx(1 / (1 + np.exp(-np.mean(odds))), abs=1e-3)
    with av.open(str(copy)) as written:
        assert sum(1 for _ in written.decode(video=0)) == 40


def test_films_among_images_and_what_fails(
    bundle: Path, film: Path, sound_only: Path, command, tmp_path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for name in ("a.png", "z.png"):
        Image.fromarray(draw.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / name)
    film.rename(folder / "film.mp4")
    sound_only.rename(folder / "sound.mp4")
    done = command("mfclip", "score", bundle, folder, "--format", "csv", code=9)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = [(Path(row["path"]).name, row["status"]) for row in rows]
    assert found == [
        ("a.png", "ok"),
        ("film.mp4", "ok"),
        ("sound.mp4", "no-video"),
        ("z.png", "ok"),
    ]
    assert "1 of 4 files could not be scored" in done.stderr


def test_options_are_looked_at_first(bundle: Path, film: Path, command, tmp_path) -> None:
    words = ["mfclip", "score", bundle]
    both = command(*words, film, "--frames", 3, "--rate", 2, code=2)
    assert "exclude each other" in both.stderr
    two = command(*words, film, film, "--timeline", tmp_path / "t.csv", code=2)
    assert "are of one film; got 2 paths" in two.stderr
    itself = command(*words, film, "--annotate", film, code=2)
    assert "is the film itself" in itself.stderr
    other = command(*words, film, "--annotate", tmp_path / "x.gif", code=2)
    assert ".mp4, .mov or .mkv" in other.stderr
    assert film.stat().st_size > 1000


def test_explaining_a_film(bundle: Path, film: Path, sound_only: Path, command, tmp_path) -> None:
    timeline, out = tmp_path / "t.json", tmp_path / "page"
    command("mfclip", "score", bundle, film, "--timeline", timeline)
    scores = {row["frame"]: row["p_fake"] for row in json.loads(timeline.read_text())["timeline"]}
    words = ["mfclip", "explain", bundle, film, sound_only, "--method", "none", "--out", out]
    command(*words, code=9)
    images = json.loads((out / "explain.json").read_text())["images"]
    shown = [one for one in images if one["status"] == "ok"]
    assert [one["status"] for one in images if one not in shown] == ["no-video"]
    assert len(shown) == 4
    best = sorted(scores.values(), reverse=True)[:4]
    assert [one["verdicts"][0]["p_fake"] for one in shown] == pytest.approx(best, abs=1e-5)
    assert all("film.mp4 at " in one["path"] for one in shown)
    assert "film.mp4 at " in (out / "explain.html").read_text()
