"""How long a film is, and whether all of it is there: found by its packets, without decoding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mfclip.data.images import ImageError, ImageStatus
from mfclip.films.opening import opened, packets

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.video.stream import VideoStream

LOST = 0.02
"""Largest share of a film that may be missing or damaged; with more there is no verdict."""
_SLACK = Fraction(1, 5)
"""Seconds by which a stated duration may be wrong besides."""
_UNEVEN = 1.5
"""Gaps between frames differ by this factor where the rate is called variable."""


class Extent(NamedTuple):
    """A film's video as its packets tell it."""

    packets: int
    """Most often the number of frames."""
    seconds: Fraction
    """From the first frame to the end of the last one."""
    variable: bool
    """Whether the frames come at uneven times."""


def extent_of(path: Path) -> Extent:
    """Go through a film once, without decoding, in constant memory.

    Raises
    ------
    ImageError
        As :func:`mfclip.films.opening.opened`; ``no-frame``, ``encrypted``, and ``truncated``
        where over :data:`LOST` of what its header states is not there.
    """
    with opened(path) as (container, stream):
        seen = _Seen(stream)
        for packet in packets(path, container):
            seen.add(packet)
        _require_all(path, container, stream, seen)
        return Extent(seen.count, seen.seconds(), seen.variable)


class _Seen:
    """What the packets say, one after the other."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self.count, self.end = 0, Fraction(0)
        self._first: Fraction | None = None
        self._last: Fraction | None = None
        self._decoded: Fraction | None = None
        self._gaps: tuple[Fraction, Fraction] | None = None

    def add(self, packet: Packet[Any]) -> None:
        if not packet.size or packet.time_base is None:
            return
        mine = packet.stream.index == self._stream.index
        self.count += mine
        if packet.pts is None:
            return
        start = packet.pts * packet.time_base
        end = start + (packet.duration or 0) * packet.time_base
        self.end = max(self.end, end)
        if mine:
            self._first = start if self._first is None else min(start, self._first)
            self._last = start if self._last is None else max(start, self._last)
            self._gap(packet)

    def _gap(self, packet: Packet[Any]) -> None:
        if packet.dts is None or packet.time_base is None:
            return
        now, before = packet.dts * packet.time_base, self._decoded
        self._decoded = now
        if before is not None and now > before:
            least, most = self._gaps or (now - before, now - before)
            self._gaps = min(least, now - before), max(most, now - before)

    @property
    def variable(self) -> bool:
        return self._gaps is not None and self._gaps[1] > _UNEVEN * self._gaps[0]

    def seconds(self) -> Fraction:
        """By the times of the frames; where they have none, by their number and rate."""
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        if self._first is None or self._last is None or self._last == self._first:
            return self.count / rate
        # Durations of packets are of the order of decoding: the last frame has an average one.
        return (self._last - self._first) * Fraction(self.count, self.count - 1)


def _require_all(path: Path, container: InputContainer, stream: VideoStream, seen: _Seen) -> None:
    stated = stream.frames
    short = (
        Fraction(container.duration or 0, 1_000_000)
        + Fraction(max(0, container.start_time or 0), 1_000_000)
        - seen.end
    )
    if stated and stated - seen.count > max(1, LOST * stated):
        reason = f"its header tells of {stated} frames, and {seen.count} are there"
    elif container.duration and short > _SLACK + Fraction(LOST) * seen.end:
        reason = f"it ends {float(short):.1f} s before its header says"
    elif not seen.count:
        raise ImageError(path, ImageStatus.NO_FRAME, "its video has no frame")
    else:
        return
    raise ImageError(path, ImageStatus.TRUNCATED, f"{reason}; copy it again")
