"""A film with boxes and scores drawn into it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from mfclip.faces.face import Box
from mfclip.films.frames import each_frame
from mfclip.films.tracks import GAP
from mfclip.films.writing import write_film
from mfclip.inference.films import FilmScore
from mfclip.inference.timeline import Timeline
from mfclip.inference.watching import FrameScore

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FAKE, REAL, UNKNOWN = (213, 94, 0), (0, 114, 178), (150, 150, 150)
"""Vermilion, blue and grey, told apart by all kinds of colour vision; the words say it too."""
_STAYS = 0.5
"""Seconds for which a box stays that is in no next frame."""

Pixels = UInt8[NDArray[np.uint8], "height width 3"]


class Mark(NamedTuple):
    """What is drawn."""

    box: Box | None
    """None: in the corner, of the whole frame."""
    p_fake: float | None
    track: int | None


def annotate(out: Path, path: Path, timeline: Timeline, film: FilmScore) -> None:
    """Decode a film once more, draw, and encode; without its sound, in constant memory.

    Between frames that were scored, boxes move evenly and the score is that of the earlier one.

    Raises
    ------
    UsageError, MissingExtraError
        As :func:`mfclip.films.writing.write_film`.
    ImageError
        Where the film can no longer be decoded.
    """
    with closing(each_frame(path)) as frames:
        first = next(frames)
        height, width = first.rgb().shape[:2]
        marks = Marks(timeline)
        drawn = (
            (frame.time, draw(frame.rgb(), marks.at(float(frame.time)), film))
            for frame in chain((first,), frames)
        )
        write_film(out, drawn, (width, height))


class Marks:
    """What to draw at a time; holds the scored frame before it and the one after it."""

    def __init__(self, scores: Iterable[FrameScore]) -> None:
        moments = groupby(scores, key=lambda score: score.number)
        self._moments = (list(of_frame) for _, of_frame in moments)
        self._before: list[FrameScore] = []
        self._after: list[FrameScore] | None = next(self._moments, None)

    def at(self, seconds: float) -> list[Mark]:
        """For one frame; ``seconds`` never fall from call to call."""
        while self._after and self._after[0].seconds <= seconds:
            self._before, self._after = self._after, next(self._moments, None)
        coming: dict[int | None, FrameScore] = {
            one.track: one for one in self._after or () if one.track is not None
        }
        marks = [self._between(one, coming.pop(one.track, None), seconds) for one in self._before]
        soon = [one for one in coming.values() if one.seconds - seconds <= _STAYS / 2]
        marks += [Mark(one.face.box, one.p_fake, one.track) for one in soon if one.face]
        return [mark for mark in marks if mark is not None]

    def _between(self, one: FrameScore, other: FrameScore | None, now: float) -> Mark | None:
        if one.track is None or one.face is None:
            return None if one.p_fake is None else Mark(None, one.p_fake, None)
        if other is None or other.face is None or other.seconds - one.seconds > GAP:
            return (
                Mark(one.face.box, one.p_fake, one.track) if now - one.seconds <= _STAYS else None
            )
        share = (now - one.seconds) / (other.seconds - one.seconds)
        sides = zip(one.face.box, other.face.box, strict=True)
        left, top, right, bottom = (a + share * (b - a) for a, b in sides)
        return Mark((left, top, right, bottom), one.p_fake, one.track)


def draw(pixels: Pixels, marks: Iterable[Mark], film: FilmScore) -> Pixels:
    """A frame with its boxes, each named by its face's number and score."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    size = max(10, min(picture.size) // 24)
    font = ImageFont.load_default(size)
    for box, p_fake, track in marks:
        verdict = "" if p_fake is None else "fake" if p_fake >= film.threshold else "real"
        colour = {"fake": FAKE, "real": REAL}.get(verdict, UNKNOWN)
        text = "too small" if p_fake is None else f"{p_fake:.2f} {verdict}"
        if box is None:
            _label(pen, (0, 0), text, colour, font)
        else:
            pen.rectangle(box, outline=colour, width=max(2, size // 8))
            _label(pen, (box[0], max(0.0, box[1] - 1.3 * size)), f"{track}: {text}", colour, font)
    whole = "no verdict" if film.p_fake is None else f"film: {film.p_fake:.2f} {film.verdict}"
    _label(pen, (0, picture.height - 1.3 * size), whole, UNKNOWN, font)
    return np.asarray(picture)


def _label(
    pen: ImageDraw, place: tuple[float, float], text: str, colour: tuple[int, int, int], font: Any
) -> None:
    """White on the colour, inside the picture's left edge."""
    left, top, right, bottom = pen.textbbox(place, text, font=font)
    pen.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=colour)
    pen.text(place, text, fill="white", font=font)
