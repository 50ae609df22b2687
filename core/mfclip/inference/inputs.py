"""Whatever a caller calls an image, as uint8 RGB tensors (3, H, W)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from mfclip.data.faces import Crop, every_face, of_picture
from mfclip.data.frames import frames_of, read_sample, sample_of
from mfclip.data.images import ImageError, ImageStatus, decode_opened, open_regular
from mfclip.data.scorable import unscorable
from mfclip.data.signatures import HEAD, sniff
from mfclip.errors import UsageError
from mfclip.faces.finder import FaceFinder

if TYPE_CHECKING:
    from PIL.Image import Image

ImageInput: TypeAlias = "str | Path | Image | NDArray[Any] | Tensor"
"""A path, a PIL image, an array (H, W, 3) or a tensor (3, H, W) or (B, 3, H, W)."""

ALLOWED = (
    "allowed: a path, a PIL image, a numpy array (H, W, 3) of uint8 RGB, a torch tensor "
    "(3, H, W) or (B, 3, H, W) of uint8 or of floats in 0-1, and sequences of these"
)


class Given(NamedTuple):
    """One image as it came in."""

    path: Path | None
    image: UInt8[Tensor, "*frames 3 h w"] | None
    """None where the status is not ``ok``."""
    status: ImageStatus = ImageStatus.OK
    reason: str = ""
    """What is wrong with it, or a note on an image that is ``ok``; most often empty."""
    faces: list[Crop] | None = None
    """Those found, the largest first, where faces were looked for; there is no ``image`` then."""
    form: str | None = None
    """Format of its file by its first bytes; None where it came as pixels."""

    def images(self) -> list[UInt8[Tensor, "*frames 3 h w"]]:
        """What there is to score: the image, or the crops of its faces."""
        found = [self.image] if self.faces is None else [crop.pixels for crop in self.faces]
        return [image for image in found if image is not None]


def each_image(
    inputs: ImageInput | Iterable[ImageInput],
    *,
    smallest: int | None = None,
    frames: int | None = None,
    finder: FaceFinder | None = None,
) -> Iterator[Given]:
    """Every image of the inputs, in order, decoded one at a time; with ``frames`` every clip.

    With ``smallest``, pixels, an image with a shorter side and one of a single colour have a
    status in place of their pixels. With ``finder`` the faces of each image come in its place.

    Raises
    ------
    UsageError
        For anything that is no image by its type, shape or range. A file that cannot be read is
        no error: it has a status.
    """
    for given in _each(inputs, frames):
        yield examined(given, smallest=smallest, finder=finder)


def from_stream(
    stream: BinaryIO, path: Path, *, frames: int | None = None, limit: int | None = None
) -> Given:
    """An image, or with ``frames`` a clip, out of an opened file or of bytes in memory.

    Statuses are those of files. ``path`` names it; ``limit``: pixels of the largest
    frame, None: as of files.
    """
    if not stream.read(1):
        return Given(path, None, ImageStatus.EMPTY, "has no bytes")
    stream.seek(0)
    form = sniff(stream.read(HEAD))
    stream.seek(0)
    try:
        pixels, note = sample_of(stream, frames, path, limit)
    except ImageError as error:
        return Given(path, None, error.status, error.reason)
    return Given(path, _planes(pixels), reason=note, form=form)


def examined(given: Given, *, smallest: int | None, finder: FaceFinder | None) -> Given:
    """The same image, its faces, or why there is nothing to score in it.

    Parameters are those of :func:`each_image`.
    """
    image = given.image
    pixels = None if image is None else image.movedim(-3, -1).cpu().numpy()
    if smallest is None or pixels is None or not (why := unscorable(pixels, smallest)):
        return given if finder is None or image is None else _faces(given, finder, smallest)
    return Given(given.path, None, *why)


def _faces(given: Given, finder: FaceFinder, smallest: int | None) -> Given:
    assert given.image is not None
    faces = every_face(finder, given.image.cpu(), smallest)
    status, reason = of_picture([crop.seen for crop in faces])
    return Given(given.path, None, status, reason or given.reason, faces, given.form)


def _each(inputs: ImageInput | Iterable[ImageInput], frames: int | None) -> Iterator[Given]:
    if isinstance(inputs, str | Path):
        yield _from_file(Path(inputs), frames)
    elif frames is not None and isinstance(inputs, Tensor | np.ndarray):
        yield from (Given(None, clip) for clip in _clips(inputs, frames))
    elif isinstance(inputs, Tensor):
        yield from (Given(None, image) for image in _from_tensor(inputs))
    elif isinstance(inputs, np.ndarray):
        yield Given(None, _from_array(inputs))
    elif _is_pil(inputs):
        yield _from_pil(inputs, frames)
    elif isinstance(inputs, Iterable) and not isinstance(inputs, bytes | dict):
        for one in inputs:
            yield from _each(one, frames)
    else:
        raise UsageError(f"a value of type {type(inputs).__name__} is no image; {ALLOWED}")


def _from_file(path: Path, frames: int | None) -> Given:
    try:
        pixels, note = read_sample(path, frames)
    except ImageError as error:
        return Given(path, None, error.status, error.reason)
    return Given(path, _planes(pixels), reason=note, form=form_of(path))


def form_of(path: Path) -> str | None:
    """Format of a file by its first bytes; None for no known one, and where it cannot be read."""
    try:
        with open_regular(path) as stream:
            return sniff(stream.read(HEAD))
    except ImageError:
        return None


def _planes(pixels: NDArray[np.uint8]) -> UInt8[Tensor, "*frames 3 h w"]:
    # A copy, because PyTorch shares the memory and would warn where it is read-only.
    return torch.from_numpy(np.array(pixels)).movedim(-1, -3)


def _clips(given: NDArray[Any] | Tensor, frames: int) -> list[UInt8[Tensor, "frames 3 h w"]]:
    """Clips of an array (T, H, W, 3), or a tensor (T, 3, H, W) or (B, T, 3, H, W)."""
    whole = _array_as_tensor(given) if isinstance(given, np.ndarray) else given
    clips = whole[None] if whole.ndim == 4 else whole
    if clips.ndim != 5 or clips.shape[1] != frames:
        raise UsageError(
            f"a value of shape {tuple(given.shape)} is no clip: this detector reads {frames} "
            "frames a sample; allowed: a path, a PIL image, a numpy array (T, H, W, 3) of uint8 "
            "RGB, a torch tensor (T, 3, H, W) or (B, T, 3, H, W) of uint8 or of floats in 0-1, and "
            "sequences of these"
        )
    flat = _from_tensor(clips.flatten(0, 1))
    return list(torch.stack(flat).view(clips.shape)) if flat else []


def _array_as_tensor(array: NDArray[Any]) -> Tensor:
    if array.dtype != np.uint8 or array.shape[-1:] != (3,):
        raise UsageError(f"an array of {array.dtype} {array.shape} is no clip; {ALLOWED}")
    return _planes(array)


def _from_array(array: NDArray[Any]) -> UInt8[Tensor, "3 h w"]:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise UsageError(f"an array of {array.dtype} {array.shape} is no image; {ALLOWED}")
    return _planes(array)


def _from_tensor(tensor: Tensor) -> list[UInt8[Tensor, "3 h w"]]:
    """Images of a tensor; floats are rounded to the 256 levels that a decoded file has."""
    batch = tensor[None] if tensor.ndim == 3 else tensor
    numbers = tensor.dtype == torch.uint8 or tensor.is_floating_point()
    if batch.ndim != 4 or batch.shape[1] != 3 or not numbers or 0 in batch.shape[1:]:
        shape = tuple(tensor.shape)
        raise UsageError(f"a tensor of {tensor.dtype} {shape} is no image; {ALLOWED}")
    if tensor.is_floating_point() and len(batch):
        batch = _levels(batch.detach().float())
    return list(batch)


def _levels(batch: Tensor) -> Tensor:
    low, high = batch.min().item(), batch.max().item()
    if not 0 <= low <= high <= 1:  # false for NaN as well
        raise UsageError(f"float images must be in 0-1, got {low:g} to {high:g}; {ALLOWED}")
    return (batch * 255).round().to(torch.uint8)


def _is_pil(value: object) -> bool:
    from PIL.Image import Image

    return isinstance(value, Image)


def _from_pil(image: Any, frames: int | None) -> Given:
    """As the file it was opened from: its pixels may be read only now, and be damaged."""
    try:
        pixels, note = decode_opened(image) if frames is None else frames_of(image, frames)
    except ImageError as error:
        return Given(None, None, error.status, error.reason)
    return Given(None, _planes(pixels), reason=note)
