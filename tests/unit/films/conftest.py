"""Films made in the test: what each frame shows, and when, is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

MakeFilm = Callable[..., Path]


def grey(number: int) -> np.ndarray:
    """A frame whose grey is five times its number, on 64 x 48 pixels, with a bright left edge."""
    pixels = np.full((48, 64, 3), 40 + 5 * (number % 40), np.uint8)
    pixels[:, :8] = 250
    return pixels


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    def make_film(
        name: str,
        pictures: Iterable[np.ndarray],
        *,
        times: Iterable[int] | None = None,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rotation: int = 0,
        options: dict[str, str] | None = None,
        container: dict[str, str] | None = None,
        sound: bool = False,
        change: Callable[[Any], None] | None = None,
    ) -> Path:
        """``times``: of each frame, in 1/25 s."""
        pictures = list(pictures)
        path = tmp_path / name
        with av.open(str(path), "w", options=container or {}) as film:
            height, width = pictures[0].shape[:2]
            stream = film.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            stream.options = options or ({"crf": "4"} if codec == "libx264" else {})
            stream.codec_context.time_base = Fraction(1, 25)
            if rotation:
                stream.set_display_rotation(rotation)
            if change:
                change(stream)
            for time, pixels in zip(times or range(len(pictures)), pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 25)
                film.mux(stream.encode(frame))
            film.mux(stream.encode())
        return path

    return make_film


@pytest.fixture
def sound_only(tmp_path: Path) -> Path:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 8000
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path
