"""Scoring from JPEG files in memory: decoded by the GPU where torchvision does it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import numpy as np
import torch
from PIL import Image
from subjects import natural_like
from torch import Tensor

from on_gpu.scoring import Row, head
from on_gpu.subject import DISTINCT, Subject
from on_gpu.timed import timed

QUALITY = 92
ENLARGED = 8 / 7
"""Side of a file to that of the detector's images, as 256 to 224 pixels."""

Decode = Callable[[Sequence[Tensor]], Sequence[Tensor]]


def from_jpeg(subject: Subject) -> Iterator[Row]:
    """Decoding and scoring in turn, and with the next batch decoded meanwhile."""
    plan = subject.plan
    batch = plan.bulk
    side = round(subject.recipe.preprocessing.size * ENLARGED)
    files = jpegs(batch, side)
    decode = decoder(plan.device)
    expected = subject.predictor(with_pillow(files[:DISTINCT]))
    off = float(np.abs(subject.predictor(decode(files[:DISTINCT])) - expected).max())
    place = f"JPEG of {side}x{side}, decoded on {plan.device.type}"
    with ThreadPoolExecutor(1) as pool:
        ways = {
            f"{place}, alone": lambda: decode(files),
            f"{place}, then scored": lambda: subject.predictor(decode(files)),
            f"{place} while the last is scored": ahead(subject, decode, files, pool),
        }
        for name, way in ways.items():
            seconds, mebibytes = timed(way, plan.device, plan.seconds)
            yield head(subject, name, batch) | {
                "images/s": batch / seconds,
                "ms a batch": seconds * 1e3,
                "MiB": "" if mebibytes is None else round(mebibytes),
                "log-odds off": off,
            }


def decoder(device: torch.device) -> Decode:
    """torchvision's, for a list of files at once; RuntimeError where there is none."""
    try:
        from torchvision.io import ImageReadMode, decode_jpeg
    except ImportError as error:
        raise RuntimeError("torchvision with its image decoders is not installed") from error
    return lambda files: decode_jpeg(list(files), mode=ImageReadMode.RGB, device=device)


def ahead(
    subject: Subject, decode: Decode, files: Sequence[Tensor], pool: ThreadPoolExecutor
) -> Callable[[], object]:
    """One call scores a batch and has the next one decoded by a thread."""
    waiting = [pool.submit(decode, files)]

    def run() -> object:
        images = waiting.pop().result()
        waiting.append(pool.submit(decode, files))
        return subject.predictor(images)

    return run


def jpegs(count: int, side: int) -> list[Tensor]:
    """Bytes of files, each (n,); a larger number repeats :data:`DISTINCT` ones."""
    distinct = [encoded(image) for image in natural_like(min(count, DISTINCT), side)]
    return [file for file, _ in zip(cycle(distinct), range(count), strict=False)]


def encoded(image: Tensor) -> Tensor:
    """An image (3, H, W), 0-1, as the bytes of a JPEG file."""
    levels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=QUALITY)
    return torch.frombuffer(bytearray(stream.getvalue()), dtype=torch.uint8)


def with_pillow(files: Sequence[Tensor]) -> list[Tensor]:
    """The pixels as Pillow decodes them: what the log-odds are compared with."""
    opened = (Image.open(io.BytesIO(file.numpy().tobytes())) for file in files)
    return [torch.from_numpy(np.array(one.convert("RGB"))).permute(2, 0, 1) for one in opened]
