"""A film's frames, one after the other, and which of them are taken."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.data.images import ImageError, ImageStatus
from mfclip.films.extent import LOST, Extent
from mfclip.films.opening import opened, packets
from mfclip.films.picture import UPRIGHT, Matrix, as_rgb, display_matrix, notes_of

if TYPE_CHECKING:
    import numpy as np
    from av import VideoFrame
    from av.video.stream import VideoStream
    from jaxtyping import UInt8
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. Its pixels are converted when they are asked for."""

    number: int
    """From 0, in the order in which they are shown."""
    time: Fraction
    """Seconds from the first frame."""
    decoded: VideoFrame
    """As PyAV gives it."""
    matrix: Matrix = UPRIGHT
    """How it is to be turned."""

    def rgb(self) -> UInt8[NDArray[np.uint8], "height width 3"]:
        """See :func:`mfclip.films.picture.as_rgb`."""
        return as_rgb(self.decoded, self.matrix)

    def notes(self) -> list[str]:
        """See :func:`mfclip.films.picture.notes_of`."""
        return notes_of(self.decoded, self.matrix)


@dataclass(slots=True)
class Damage:
    """What of a film could not be decoded."""

    packets: int = 0
    whole: int = 0
    """Packets that could be."""


def each_frame(path: Path, damage: Damage | None = None) -> Generator[Frame, None, None]:
    """All frames of a film, in the order in which they are shown, one in memory at a time.

    Damaged packets are passed over and counted in ``damage``.

    Raises
    ------
    ImageError
        As :func:`mfclip.films.opening.opened`; ``encrypted``; at the end ``no-frame``, and
        ``truncated`` where over :data:`mfclip.films.extent.LOST` of the packets are damaged.
    """
    damage = Damage() if damage is None else damage
    number, first, matrix = 0, None, UPRIGHT
    with opened(path) as (container, stream), closing(packets(path, container, stream)) as found:
        for decoded in _decoded(stream, found, damage):
            time = _time(decoded, stream, number)
            if first is None:
                first, matrix = time, display_matrix(decoded)
            yield Frame(number, max(Fraction(0), time - first), decoded, matrix)
            number += 1
    if damage.packets > LOST * (damage.packets + damage.whole):
        total = damage.packets + damage.whole
        reason = f"{damage.packets} of its {total} packets are damaged or cut off; copy it again"
        raise ImageError(path, ImageStatus.TRUNCATED, reason)
    if not number:
        raise ImageError(path, ImageStatus.NO_FRAME, "its video has no frame")


def _decoded(stream: VideoStream, found: Iterable[object], damage: Damage) -> Iterator[VideoFrame]:
    import av

    for packet in found:
        try:
            frames = stream.decode(packet)  # type: ignore[arg-type]
        except (av.InvalidDataError, av.error.EOFError):
            damage.packets += 1
            continue
        damage.whole += 1
        yield from frames


def _time(frame: VideoFrame, stream: VideoStream, number: int) -> Fraction:
    if frame.pts is None or frame.time_base is None:
        return number / (stream.average_rate or Fraction(25))
    return frame.pts * frame.time_base


def wanted_of(extent: Extent, frames: int, rate: float | None) -> int:
    """How many frames to take: ``frames``, or with ``rate`` so many a second; one at least."""
    return frames if rate is None else max(1, round(float(extent.seconds) * rate))


def evenly_shown(frames: Iterable[Frame], extent: Extent, wanted: int) -> Iterator[Frame]:
    """The frames that are on screen in the middle of each of ``wanted`` equal stretches of time.

    Where frames come evenly these are those of :func:`spaced`. A frame that is on screen in the
    middle of several stretches is given once; where the film has no more than ``wanted``, all are.
    """
    if extent.packets <= wanted:
        yield from frames
        return
    step = extent.seconds / wanted
    due, held = step / 2, None
    for frame in frames:
        if held is not None and frame.time > due:
            yield held
            due += step * -((due - frame.time) // step)  # the first one that is not past
        held = frame
    if held is not None and due < extent.seconds:
        yield held


def spaced(total: int, wanted: int) -> list[int]:
    """Positions of ``wanted`` frames, evenly over all of ``total``; all where there are no more.

    The film is cut into ``wanted`` equal stretches, and the middle of each is taken: the gaps
    differ by one frame at most, and neither a fade-in nor the first seconds stand for the whole.
    """
    if wanted >= total:
        return list(range(total))
    return [(2 * number + 1) * total // (2 * wanted) for number in range(wanted)]
