"""Writing a film with PyAV, frame by frame, each at its own time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from mfclip.errors import UsageError
from mfclip.files import replace_file
from mfclip.films.opening import require_av

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FORMS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
ENCODER = "libx264"
_TICKS = 90_000


def form_of(path: Path) -> str:
    """The container, by the file's name. Raises :class:`UsageError` for another."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"a film is written as .mp4, .mov or .mkv; got {path.name!r}")
    return form


def write_film(
    path: Path,
    frames: Iterable[tuple[Fraction, UInt8[NDArray[np.uint8], "height width 3"]]],
    size: tuple[int, int],
) -> None:
    """Write H.264 in constant memory; the file is there whole or not at all.

    Parameters
    ----------
    frames
        Seconds, which rise, and RGB pixels 0-255.
    size
        Width and height, pixels; frames of another size are scaled. An odd side loses its last
        row or column: H.264 has none.

    Raises
    ------
    UsageError
        For a name that is none of :data:`FORMS`, and a PyAV that was built without x264.
    MissingExtraError
        Without PyAV.
    """
    form = form_of(path)
    require_av("writing films")
    import av

    if ENCODER not in av.codecs_available:
        raise UsageError(f"this PyAV was built without {ENCODER}: pip install --only-binary av av")
    width, height = (max(2, side - side % 2) for side in size)
    with replace_file(path) as staged, av.open(str(staged), "w", format=form) as film:
        how = {"crf": "18", "preset": "veryfast"}
        stream = cast("VideoStream", film.add_stream(ENCODER, rate=25, options=how))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        last = -1
        for seconds, pixels in frames:
            same = pixels.shape[:2] == (size[1], size[0])
            cut = np.ascontiguousarray(pixels[:height, :width]) if same else pixels
            frame = av.VideoFrame.from_ndarray(cut, format="rgb24")
            last = max(last + 1, round(seconds * _TICKS))
            frame.pts, frame.time_base = last, Fraction(1, _TICKS)
            film.mux(stream.encode(frame.reformat(width, height, "yuv420p")))
        film.mux(stream.encode())
