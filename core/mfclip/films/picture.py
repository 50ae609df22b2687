"""One decoded frame as people see it: progressive, 8 bits a channel, RGB, upright."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

Matrix: TypeAlias = tuple[int, int, int, int]
"""a, b, c, d of x' = a x + c y and y' = b x + d y, each -1, 0 or 1."""
UPRIGHT: Matrix = (1, 0, 0, 1)
_MATRIX = "DISPLAYMATRIX"
_HDR = {16: "PQ", 18: "HLG"}
"""Transfer curves of high dynamic range, by their number in ITU-T H.273."""


def as_rgb(
    frame: VideoFrame, matrix: Matrix = UPRIGHT
) -> UInt8[NDArray[np.uint8], "height width 3"]:
    """The frame's pixels, 0-255; ``matrix`` is that of :func:`display_matrix`.

    * An interlaced frame shows two moments at once. The upper field is taken, and the lines between
      its lines are interpolated.
    * More than 8 bits a channel are rounded to 8.
    * Colours are converted by the matrix and range that the film names.
    * The film's display matrix turns it upright, as phones ask for.
    """
    whole = _upper_field(frame) if frame.interlaced_frame else frame
    return _turned(np.asarray(whole.to_ndarray(format="rgb24"), np.uint8), matrix)


def notes_of(frame: VideoFrame, matrix: Matrix = UPRIGHT) -> list[str]:
    """What there is to say of how its pixels became the picture; most often nothing."""
    said = []
    a, b, c, d = matrix
    if matrix != UPRIGHT:
        turn = round(np.degrees(np.arctan2(-b, a))) % 360
        mirrored = a * d - b * c < 0
        said.append("mirrored" if mirrored else f"turned upright by {turn} degrees")
    if frame.interlaced_frame:
        said.append("interlaced: the upper field of each frame")
    depth = max(part.bits for part in frame.format.components)
    if depth > 8:
        said.append(f"{depth} bits a channel, rounded to 8")
    if (curve := _HDR.get(int(frame.color_trc))) is not None:
        said.append(f"high dynamic range ({curve}), without tone mapping")
    return said


def display_matrix(frame: VideoFrame) -> Matrix:
    """How a film is to be turned, by one of its frames.

    Asking for it ties the frame to itself, so that its memory is freed late: ask once a film.
    """
    kept: Iterable[Any] = frame.side_data  # typed as a mapping, gives its values
    found = next((one for one in kept if one.type.name == _MATRIX), None)
    if found is None:
        return UPRIGHT
    values = struct.unpack("=9i", bytes(found))
    a, b, c, d = (values[place] for place in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):  # the nearest of the eight ways a picture can lie
        return (1 if a >= 0 else -1), 0, 0, (1 if d >= 0 else -1)
    return 0, (1 if b >= 0 else -1), (1 if c >= 0 else -1), 0


def _turned(
    pixels: UInt8[NDArray[np.uint8], "height width 3"], matrix: Matrix
) -> UInt8[NDArray[np.uint8], "rows columns 3"]:
    a, b, c, d = matrix
    if a:
        return np.ascontiguousarray(pixels[::d, ::a])
    return np.ascontiguousarray(pixels.swapaxes(0, 1)[::b, ::c])


def _upper_field(frame: VideoFrame) -> VideoFrame:
    """Every other line, scaled to the frame's height; colour samples stay with their field."""
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    field = graph.add("field", "top")
    scale = graph.add("scale", f"{frame.width}:{frame.height}:flags=bicubic:interl=0")
    sink = graph.add("buffersink")
    for one, next_ in ((source, field), (field, scale), (scale, sink)):
        one.link_to(next_)
    graph.configure()
    graph.push(frame)
    pulled: VideoFrame = graph.pull()  # type: ignore[assignment]
    return pulled
