"""Scores of films by a detector and a locator whose answers are known."""

from __future__ import annotations

import csv
import gc
import json
import math
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from mfclip.errors import UsageError
from mfclip.faces.face import Face
from mfclip.faces.finder import FaceFinder
from mfclip.films.frames import each_frame
from mfclip.inference.annotated import FAKE, REAL, annotate
from mfclip.inference.films import LASTING, score_film
from mfclip.inference.mixed import score_files
from mfclip.inference.score import Seen
from mfclip.inference.timeline import Timeline, write_timeline
from mfclip.inference.watching import Plan
from mfclip.metrics.familiar import fit_familiar
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable
from mfclip.metrics.videos import RunningPool, by_video

TEMPERATURE = 2.0


def judged(images):
    """Log-odds: how much brighter than 150 the brightest tenth is, in tens of levels."""
    tops = [np.percentile(image.numpy(), 90) for image in images]
    return np.array([(top - 150) / 10 for top in tops])


def locate(image):
    """Every patch that is brighter than 90 is a face."""
    found, _ = ndimage.label(image.numpy().mean(0) > 90)
    return [
        Face((rows_[1].start, rows_[0].start, rows_[1].stop, rows_[0].stop), 0.9)
        for rows_ in ndimage.find_objects(found)
    ]


def detector(*, faces=False, frames=None):
    finder = FaceFinder(locate, margin=0.0, smallest=16) if faces else None
    return SimpleNamespace(
        predictor=judged,
        operating=OperatingPoints(temperature=TEMPERATURE, threshold=0.5),
        device=torch.device("cpu"),
        smallest=8,
        frames=frames,
        finder=finder,
        familiar=None,
    )


def sigmoid(log_odds):
    return 1 / (1 + math.exp(-log_odds / TEMPERATURE))


def scene(*faces, size=(96, 160)):
    """A dark frame with faces (left, top, side, level), each with some texture inside."""
    pixels = np.full((*size, 3), 20, np.uint8)
    for left, top, side, level in faces:
        pixels[top : top + side, left : left + side] = level
        pixels[top + side // 2 :, left : left + side][: side // 4] = level - 45
    return pixels


@pytest.fixture
def whole(make_film):
    """Ten frames whose brightness rises from 120 to 192."""
    return make_film("whole.mkv", [level(120 + 8 * n) for n in range(10)], codec="ffv1")


def level(value):
    pixels = np.full((48, 64, 3), value, np.uint8)
    pixels[:4] = 10
    return pixels


@pytest.fixture
def two(make_film):
    """For 30 frames a real face moves right; a fake one is there from frame 10 to 19."""
    scenes = [
        scene((n, 10, 32, 140), *([(110, 50 - n, 40, 190)] if 10 <= n < 20 else []))
        for n in range(30)
    ]
    return make_film("two.mkv", scenes, codec="ffv1", pix_fmt="bgr0")


def test_without_faces_a_film_is_the_mean_of_its_frames(whole):
    seen = []
    film = score_film(detector(), whole, each=seen.append)
    odds = judged([torch.from_numpy(f.rgb()) for f in each_frame(whole)])
    assert [one.p_fake for one in seen] == pytest.approx([sigmoid(one) for one in odds])
    assert film.p_fake == pytest.approx(sigmoid(odds.mean()))
    assert (film.status, film.faces, film.frames, film.scored) == ("ok", None, 10, 10)
    assert film.reason == "10 frames of 10"
    assert film.seconds == pytest.approx(0.4)


@pytest.mark.parametrize("sharpness", [0, 0.3, 5])
def test_frames_are_pooled_as_evaluation_does(sharpness):
    draw = np.random.default_rng(0)
    odds = draw.normal(size=50)
    video = draw.choice(["a", "b", "c"], 50)
    columns = {name: np.full(50, "x") for name in ("group", "forgery", "family", "generator")}
    table = ScoreTable(
        path=np.arange(50).astype(str),
        log_odds=odds,
        is_fake=np.ones(50, bool),
        identity=np.full(50, ""),
        video=video,
        **columns,
    )
    of_table = by_video(table, sharpness)
    for name, wanted in zip(of_table.video, of_table.log_odds, strict=True):
        pool = RunningPool(sharpness)
        for one in odds[video == name]:
            pool.add(one)
        assert pool.log_odds == pytest.approx(wanted)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_film_is_as_fake_as_its_most_fake_face(two, batch_size):
    film = score_film(detector(faces=True), two, frames=100, batch_size=batch_size)
    real, fake = sorted(film.faces, key=lambda one: one.number)
    assert (real.verdict, fake.verdict, film.verdict) == ("real", "fake", "fake")
    assert film.p_fake == fake.p_fake > 0.8
    assert (fake.frames, fake.start, fake.end) == (10, pytest.approx(0.4), pytest.approx(0.76))
    assert (real.frames, real.start, real.end) == (30, 0, pytest.approx(1.16))
    where = round(real.strongest * 25)
    assert real.face.box == pytest.approx((where, 10, where + 32, 42), abs=1)
    assert film.scored == film.frames == 30


def test_a_face_in_too_few_frames_does_not_decide(make_film):
    scenes = [
        scene((10, 10, 32, 140), *([(100, 40, 40, 200)] if n in (5, 6) else [])) for n in range(30)
    ]
    path = make_film("few.mkv", scenes, codec="ffv1", pix_fmt="bgr0")
    film = score_film(detector(faces=True), path, frames=100)
    assert [face.frames for face in film.faces] == [30, LASTING - 1]
    assert film.faces[1].verdict == "fake"
    assert film.verdict == "real"


def test_where_no_face_lasts_frames_are_averaged(make_film):
    scenes = [scene((10 + 60 * (n % 2), 10, 32, 140 + 20 * n)) for n in range(4)]
    path = make_film("apart.mkv", scenes, times=[0, 100, 200, 300], codec="ffv1", pix_fmt="bgr0")
    seen = []
    film = score_film(detector(faces=True), path, each=seen.append)
    assert len(film.faces) == 4
    odds = [math.log(one.p_fake / (1 - one.p_fake)) for one in seen]
    assert film.p_fake == pytest.approx(1 / (1 + math.exp(-np.mean(odds))))


class Sees:
    """The same log-odds, with features that point another way above 150."""

    def __call__(self, images, *, keep=False):
        return judged(images)

    def seen(self, images):
        bright = judged(images) > 0
        return Seen(judged(images), np.stack([~bright, bright], 1).astype(np.float32))


def watchful(*, faces=False):
    """Trained on pictures that were not bright, of 16 to 64 pixels."""
    known = np.tile(np.float32([1, 0]), (50, 1))
    familiar = fit_familiar(known, known, 0.1, sides=[16, 64], formats=["PNG"])
    return SimpleNamespace(
        **{**vars(detector(faces=faces)), "predictor": Sees(), "familiar": familiar}
    )


@pytest.mark.parametrize(("bright", "told"), [(4, False), (5, True), (10, True)])
def test_a_film_says_that_half_of_its_frames_are_unlike_the_training_images(
    make_film, bright, told
):
    frames = [level(190 if n < bright else 140) for n in range(10)]
    seen = []
    path = make_film("some.mkv", frames, codec="ffv1")
    film = score_film(watchful(), path, each=seen.append)
    assert [bool(one.reason) for one in seen] == [n < bright for n in range(10)]
    assert "unlike the training images: distance 1.414" in seen[0].reason
    remark = f"{bright} of 10 scored frames are unlike the training images"
    assert film.reason == ("10 frames of 10" + (f"; {remark}" if told else ""))
    assert film.p_fake == score_film(detector(), path).p_fake


def test_of_faces_in_a_film_each_has_its_own_remark(two):
    film = score_film(watchful(faces=True), two, frames=100)
    real, fake = sorted(film.faces, key=lambda one: one.number)
    assert "unlike" not in real.reason + film.reason
    assert fake.reason.endswith("; 10 of 10 scored frames are unlike the training images")


def test_a_film_without_faces_has_no_verdict(make_film):
    path = make_film("none.mkv", [scene()] * 5, codec="ffv1", pix_fmt="bgr0")
    film = score_film(detector(faces=True), path)
    assert (film.status, film.p_fake, film.verdict, film.faces) == ("no-face", None, None, ())
    small = make_film("small.mkv", [scene((5, 5, 9, 200))] * 5, codec="ffv1", pix_fmt="bgr0")
    film = score_film(detector(faces=True), small)
    assert film.status == "small-face"
    assert [(face.status, face.frames) for face in film.faces] == [("small-face", 0)]


def test_a_dark_film_is_blank(make_film):
    film = score_film(detector(), make_film("dark.mp4", [np.zeros((48, 64, 3), np.uint8)] * 4))
    assert (film.status, film.p_fake) == ("blank", None)


def test_clips_are_of_frames_in_a_row(whole):
    given = []

    def clips(images):
        given.extend(images)
        return np.array([float(image[:, :, 20, 20].float().mean()) for image in images])

    loaded = detector(frames=4)
    loaded.predictor = clips
    film = score_film(loaded, whole)
    assert [tuple(clip.shape) for clip in given] == [(4, 3, 48, 64)] * 2
    assert film.scored == 2
    given.clear()
    score_film(loaded, whole, frames=3)
    assert [tuple(clip.shape) for clip in given] == [(4, 3, 48, 64)]


def test_options_that_exclude_each_other(whole):
    with pytest.raises(UsageError, match="exclude each other"):
        score_film(detector(), whole, frames=3, rate=2.0)
    with pytest.raises(UsageError, match="1 frame or more"):
        score_film(detector(), whole, frames=0)
    with pytest.raises(UsageError, match="above 0"):
        score_film(detector(), whole, rate=0.0)


def test_a_rate(whole):
    assert score_film(detector(), whole, rate=10.0).frames == 4
    assert score_film(detector(), whole, rate=0.001).frames == 1


def test_films_among_images_in_order(whole, two, tmp_path, sound_only):
    from PIL import Image

    draw = np.random.default_rng(1)
    images = [tmp_path / f"{n}.png" for n in range(5)]
    for path in images:
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    text = tmp_path / "text.mp4"
    text.write_text("text")
    paths = [whole, *images[:2], sound_only, text, *images[2:], two, tmp_path / "gone.mp4"]
    for batch_size in (1, 2, 24):
        done = []
        scores = list(
            score_files(
                detector(),
                iter(paths),
                Plan(),
                batch_size=batch_size,
                workers=0,
                progress=done.append,
            )
        )
        assert [score.path for score in scores] == paths
        assert done[-1] == len(paths)
        statuses = {s.path.name: s.status for s in scores if s.status != "ok"}
        assert statuses == {
            "sound.mp4": "no-video",
            "text.mp4": "not-a-film",
            "gone.mp4": "missing",
        }


def test_without_pyav_films_have_a_status(whole, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (score,) = score_files(detector(), [whole], Plan(), workers=0)
    assert score.status == "unsupported-format"
    assert "mfclip[video]" in score.reason


@pytest.fixture
def timeline(two):
    with Timeline() as kept:
        yield kept, score_film(detector(faces=True), two, frames=100, each=kept.add)


def test_a_timeline_as_csv_and_json(timeline, tmp_path, two):
    kept, film = timeline
    write_timeline(tmp_path / "t.csv", kept, film)
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert len(rows) == 30 + 10
    assert [int(row["frame"]) for row in rows if row["face"] == "2"] == [*range(10, 20)]
    assert rows[0]["path"] == str(two)
    assert (rows[0]["left"], rows[0]["right"]) == ("0.0", "32.0")
    write_timeline(tmp_path / "t.json", kept, film)
    whole = json.loads((tmp_path / "t.json").read_text())
    assert whole["p_fake"] == film.p_fake
    assert [face["frames"] for face in whole["faces"]] == [30, 10]
    assert len(whole["timeline"]) == 40
    assert [row["p_fake"] for row in whole["timeline"]] == [float(row["p_fake"]) for row in rows]


def test_a_timeline_as_a_drawing(timeline, tmp_path):
    from xml.etree import ElementTree

    kept, film = timeline
    write_timeline(tmp_path / "t.svg", kept, film)
    ElementTree.parse(tmp_path / "t.svg")
    text = (tmp_path / "t.svg").read_text()
    assert all(name in text for name in ("face 1", "face 2", "threshold", "seconds"))


def test_another_form_of_timeline_is_refused(timeline, tmp_path):
    with pytest.raises(UsageError, match=r"\.csv, \.json or \.svg"):
        write_timeline(tmp_path / "t.xlsx", *timeline)


def test_the_annotated_film(timeline, two, tmp_path):
    kept, film = timeline
    out = tmp_path / "out.mp4"
    annotate(out, two, kept, film)
    before, after = list(each_frame(two)), list(each_frame(out))
    assert [round(f.time * 25) for f in after] == [round(f.time * 25) for f in before]
    assert [*tmp_path.glob(".out*")] == []

    def coloured(pixels, colour):
        blueness = pixels[..., 2].astype(int) - pixels[..., 0]
        return blueness > 60 if colour == REAL else blueness < -60

    for n in (0, 14, 29):
        blue, red = (coloured(after[n].rgb(), colour) for colour in (REAL, FAKE))
        assert blue[24:40, max(0, n - 2) : n + 4].any()  # the real face's left side
        assert blue[24:40, n + 29 : n + 36].any()
        assert not blue[28:38, n + 8 : n + 24].any()  # nothing inside it
        assert bool(red[:, 105:155].any()) == (n == 14)


def test_boxes_move_between_the_frames_that_were_scored(two, tmp_path):
    from mfclip.inference.annotated import Marks

    with Timeline() as kept:
        score_film(detector(faces=True), two, frames=10, each=kept.add)
        marks = Marks(kept)
        for n in range(1, 28):
            left = next(mark.box[0] for mark in marks.at(n / 25) if mark.track == 1)
            assert left == pytest.approx(n, abs=0.01)


def test_memory_does_not_grow_with_the_film(make_film):
    """Every frame of a film is scored; what is held early on is all that is held later."""
    pictures = [scene((n % 90, 10, 32, 140)) for n in range(90)] * 8
    path = make_film("long.mp4", pictures, options={"preset": "ultrafast"})
    held = {}

    def each(score):
        if score.number in (100, 700):
            gc.collect()  # empties Python's own stores of small objects
            held[score.number] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    film = score_film(detector(faces=True), path, rate=25.0, batch_size=8, each=each)
    tracemalloc.stop()
    assert film.frames == 720
    assert held[700] < held[100] + 20_000
