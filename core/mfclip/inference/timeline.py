"""The scores of a film over time: kept on the disk while it is scored, then written out."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from mfclip.data.images import ImageStatus
from mfclip.errors import UsageError
from mfclip.faces.face import Face
from mfclip.files import open_atomically, write_text
from mfclip.inference.films import FilmScore, TrackScore
from mfclip.inference.watching import FrameScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    *("path", "seconds", "frame", "face", "left", "top", "right", "bottom"),
    *("p_fake", "status", "reason"),
)
"""Of a timeline's rows: one a frame, or one for each face in it."""
FORMS = ("csv", "json", "svg")
BINS = 400
"""Stretches of time in a drawing; it shows the mean of each."""
SHOWN = 5
"""Tracks that a drawing names, the most forged first."""


class Timeline:
    """Frames' scores in a file of its own, so that memory does not grow with the film."""

    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, score: FrameScore) -> None:
        """Keep one score, without the face's points."""
        box = None if score.face is None else (*score.face.box, score.face.score)
        row = (
            score.number,
            score.seconds,
            score.p_fake,
            score.status,
            score.reason,
            score.track,
            box,
        )
        self._file.write(json.dumps(row) + "\n")

    def __iter__(self) -> Iterator[FrameScore]:
        """All scores, in the order in which they were kept; one reading at a time."""
        self._file.seek(0)
        for line in self._file:
            number, seconds, p_fake, status, reason, track, box = json.loads(line)
            face = None if box is None else Face(tuple(box[:4]), box[4])
            yield FrameScore(number, seconds, p_fake, ImageStatus(status), reason, track, face)


def form_of(path: Path) -> Literal["csv", "json", "svg"]:
    """How a timeline is written, by the file's name. Raises :class:`UsageError` for another."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise UsageError(
            f"a timeline is written as .csv, .json or .svg, by the file's name; got {path.name!r}"
        )
    return form  # type: ignore[return-value]


def write_timeline(path: Path, timeline: Timeline, film: FilmScore) -> None:
    """Write a film's scores to a file, whole or not at all. Raises :class:`UsageError`."""
    {"csv": _write_csv, "json": _write_json, "svg": _write_svg}[form_of(path)](path, timeline, film)


def _write_csv(path: Path, timeline: Timeline, film: FilmScore) -> None:
    with open_atomically(path) as stream:
        rows = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for score in timeline:
            rows.writerow({"path": _name(film), **_row(score)})


def _write_json(path: Path, timeline: Timeline, film: FilmScore) -> None:
    about: dict[str, Any] = {
        "path": _name(film),
        "p_fake": film.p_fake,
        "verdict": film.verdict,
        "threshold": film.threshold,
        "operating_point": film.operating_point,
        "reason": film.reason,
        "seconds": film.seconds,
        "frames": film.frames,
        "scored": film.scored,
        "faces": None if film.faces is None else [_track(one) for one in tracks_of(film)],
    }
    with open_atomically(path) as stream:
        stream.write(json.dumps(about, indent=1).removesuffix("\n}") + ',\n "timeline": [')
        for place, score in enumerate(timeline):
            stream.write(("," if place else "") + "\n  " + json.dumps(_row(score)))
        stream.write("\n ]\n}\n")


def tracks_of(film: FilmScore) -> list[TrackScore]:
    """The faces of a film; none where they were not looked for."""
    return [face for face in film.faces or () if isinstance(face, TrackScore)]


def _name(film: FilmScore) -> str:
    return str(film.path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _row(score: FrameScore) -> dict[str, Any]:
    box = [None] * 4 if score.face is None else [round(float(side), 1) for side in score.face.box]
    return {
        "seconds": round(score.seconds, 3),
        "frame": score.number,
        "face": score.track,
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        "p_fake": None if score.p_fake is None else round(score.p_fake, 6),
        "status": str(score.status),
        "reason": score.reason or None,
    }


def _track(track: TrackScore) -> dict[str, Any]:
    return {
        "face": track.number,
        "p_fake": track.p_fake,
        "verdict": track.verdict,
        "status": str(track.status),
        "frames": track.frames,
        "start": track.start,
        "end": track.end,
        "strongest": track.strongest,
        "box": track.face.box,
    }


def _write_svg(path: Path, timeline: Timeline, film: FilmScore) -> None:
    from mfclip.pages.svg import WIDE, as_file, draw

    named = [one.number for one in _strongest(film)]
    lines = _binned(timeline, film, named)
    verdict = (
        f"p_fake {film.p_fake:.3f}, {film.verdict}" if film.p_fake is not None else "no verdict"
    )
    drawing = draw(
        "timeline",
        2.6,
        lambda axes: _paint(axes, lines, film),
        alt=f"p_fake over the film's {film.seconds:.1f} seconds; of the whole film: {verdict}",
        caption=verdict,
        width=WIDE * 1.5,
    )
    write_text(path, as_file(drawing))


def _strongest(film: FilmScore) -> list[TrackScore]:
    scored = [one for one in tracks_of(film) if one.p_fake is not None]
    return sorted(scored, key=lambda one: (-(one.p_fake or 0), one.number))[:SHOWN]


def _binned(
    timeline: Timeline, film: FilmScore, named: list[int]
) -> dict[str, tuple[list[float], list[float]]]:
    """By the name of a line: times in seconds and p_fake, the mean of each stretch."""
    step = max(film.seconds, 1e-9) / BINS
    sums: dict[str, dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(lambda: [0.0, 0.0, 0.0])
    )
    for score in timeline:
        if score.p_fake is None:
            continue
        line = "every frame" if score.track is None else f"face {score.track}"
        line = line if score.track is None or score.track in named else "other faces"
        bin_ = sums[line][min(BINS - 1, int(score.seconds / step))]
        for place, value in enumerate((1.0, score.seconds, score.p_fake)):
            bin_[place] += value
    return {
        line: (
            [bins[at][1] / bins[at][0] for at in sorted(bins)],
            [bins[at][2] / bins[at][0] for at in sorted(bins)],
        )
        for line, bins in sorted(sums.items())
    }


def _paint(axes: Axes, lines: dict[str, tuple[list[float], list[float]]], film: FilmScore) -> None:
    from mfclip.pages.svg import DASHES, FAKE, MUTED, SERIES, below

    axes.set(xlim=(0, film.seconds), ylim=(-0.02, 1.02), xlabel="seconds", ylabel="p_fake")
    axes.axhline(film.threshold, color=FAKE, linewidth=1, linestyle=":", label="threshold")
    for place, (name, (seconds, p_fake)) in enumerate(lines.items()):
        colour = MUTED if name == "other faces" else SERIES[place % len(SERIES)]
        dash = "" if name == "other faces" else DASHES[place % len(DASHES)]
        axes.plot(
            seconds, p_fake, color=colour, linestyle=dash, marker="o", markersize=2.5, label=name
        )
    below(axes, 4)
