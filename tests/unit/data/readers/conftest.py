import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.data.manifest import Manifest
from mfclip.errors import DataError
from mfclip.parts import BuildContext, Dataset

MakeVideos = Callable[..., None]
Reading = tuple[Manifest, list[str]]
Read = Callable[[Dataset], Reading]


def _png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


PNG = _png()


@pytest.fixture
def make_videos() -> MakeVideos:
    """Folders of frames (16 x 16 pixels) below ``folder/frames``, one a name."""

    def make_videos(folder: Path, *names: str, frames: int = 3) -> None:
        for name in names:
            (folder / "frames" / name).mkdir(parents=True)
            for number in range(frames):
                (folder / "frames" / name / f"{number:03}.png").write_bytes(PNG)

    return make_videos


@pytest.fixture
def read() -> Read:
    """What a part builds, and the warnings that it gives."""

    def read(part: Dataset) -> Reading:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manifest = part.build(BuildContext())
        return manifest, [str(one.message) for one in caught]

    return read


@pytest.fixture
def refusal() -> Callable[[Dataset], str]:
    """The text of the error that a part raises."""

    def refusal(part: Dataset) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(DataError) as caught:
                part.build(BuildContext())
        return str(caught.value)

    return refusal


@pytest.fixture
def splits() -> Callable[[Manifest], dict[str, set[str]]]:
    """The videos of each split, without the group that their ids begin with."""

    def splits(manifest: Manifest) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in manifest:
            found.setdefault(row.split, set()).add(row.video.partition("/")[2])
        return found

    return splits


@pytest.fixture
def make_clip() -> Callable[..., None]:
    """A video of frames whose grey is five times their place; readable back within a few."""

    def make_clip(file: Path, frames: int, codec: str = "mjpeg") -> None:
        av = pytest.importorskip("av")
        file.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(file), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
            for number in range(frames):
                pixels = np.full((16, 16, 3), 5 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())

    return make_clip
