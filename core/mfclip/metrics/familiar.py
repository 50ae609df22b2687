"""Whether an image is of a kind that the detector was trained on: its features, size and format.

The distance is that of Sun, Ming, Zhu and Li (2022, "Out-of-distribution detection with deep
nearest neighbors"): from an image's normalised features to the k-th nearest of training images'.
How far is too far is told by validation images, as :mod:`mfclip.metrics.band` tells errors: with n
of them, the ceil((n + 1)(1 - e))-th smallest distance is exceeded by a new image of their kind with
probability at most e.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray

from mfclip.errors import BundleError

NEAREST = 10
"""k; of fewer training images than ten times that, a tenth of them."""
_TENSOR, _KEY = "features", "familiar"


@dataclass(frozen=True)
class Familiar:
    """What the training images were like."""

    features: Float32[NDArray[np.float32], "images width"]
    """Of training images, each of length 1."""
    nearest: int
    """k."""
    limit: float
    """Distance that at most a share of images like validation's exceeds, 0-2."""
    share: float
    """This share, 0-1."""
    smallest: int
    """Shortest of the training images' shorter sides, pixels, before resizing."""
    largest: int
    """Longest of them."""
    formats: tuple[str, ...]
    """Of the training images' files, as :func:`mfclip.data.signatures.sniff` names them."""

    def distances(
        self, features: Float[NDArray[np.floating], "images width"]
    ) -> Float64[NDArray[np.float64], " images"]:
        """From each image's features to the k-th nearest of the training images'."""
        return _distances(unit(features), self.features, self.nearest)

    def of_pixels(self, distance: float, side: int) -> str:
        """In what an image is unlike the training images; empty where in nothing.

        ``side``: the shorter one of what was scored, pixels, before resizing.
        """
        told = []
        if distance > self.limit:
            told.append(
                f"unlike the training images: distance {distance:.3f}, and "
                f"{1 - self.share:.0%} of validation images are within {self.limit:.3f}"
            )
        if not self.smallest <= side <= self.largest:
            told.append(
                f"its shorter side of {side} pixels is outside the training images' "
                f"{self.smallest} to {self.largest}"
            )
        return "; ".join(told)

    def of_form(self, form: str | None) -> str:
        """The same of a file's format; None: there is no file, or it is not known."""
        if form is None or form in self.formats:
            return ""
        return f"a {form} file; the training images were {' and '.join(self.formats)}"

    def save(self) -> bytes:
        """As the content of a safetensors file."""
        from safetensors.numpy import save

        told = {name: getattr(self, name) for name in _NUMBERS} | {"formats": list(self.formats)}
        return save({_TENSOR: self.features}, metadata={_KEY: json.dumps(told)})

    @classmethod
    def load(cls, path: Path) -> Familiar:
        """Out of such a file. Raises :class:`BundleError` for another one, and a damaged one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np") as stored:
                told = json.loads((stored.metadata() or {})[_KEY])
                features = stored.get_tensor(_TENSOR)
            found = cls(features, formats=tuple(told["formats"]), **{n: told[n] for n in _NUMBERS})
            found._require_sound()
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{path} is damaged: {error}; build the bundle anew") from error
        return found

    def _require_sound(self) -> None:
        if self.features.ndim != 2 or self.features.dtype != np.float32:
            raise ValueError(f"features of {self.features.dtype} {self.features.shape}")
        if not 1 <= self.nearest <= len(self.features):
            raise ValueError(f"nearest is {self.nearest} of {len(self.features)}")
        if not (math.isfinite(self.limit) and 0 < self.share < 1):
            raise ValueError(f"limit {self.limit}, share {self.share}")


_NUMBERS = ("nearest", "limit", "share", "smallest", "largest")


def fit_familiar(
    training: Float[NDArray[np.floating], "images width"],
    validation: Float[NDArray[np.floating], "others width"],
    share: float,
    *,
    sides: Sequence[int],
    formats: Iterable[str],
) -> Familiar:
    """Fit the limit, so that at most ``share`` of images like validation's is over it.

    Parameters
    ----------
    sides
        Shorter sides of the training images, pixels.

    Raises
    ------
    ValueError
        Where there are fewer validation images than 1 / ``share`` - 1, or no training images.
    """
    rank = math.ceil((len(validation) + 1) * (1 - share))
    if rank > len(validation):
        needed = math.ceil(1 / share) - 1
        raise ValueError(f"needs {needed} validation images or more, got {len(validation)}")
    if not len(training):
        raise ValueError("there are no training images")
    known = unit(training)
    nearest = min(NEAREST, max(1, len(known) // NEAREST))
    distances = np.sort(_distances(unit(validation), known, nearest))
    limit = float(distances[rank - 1])
    return Familiar(
        known, nearest, limit, share, min(sides), max(sides), tuple(sorted(set(formats)))
    )


def unit(
    features: Float[NDArray[np.floating], "images width"],
) -> Float32[NDArray[np.float32], "images width"]:
    """The same, each of length 1; zeros stay zeros."""
    whole = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(whole, axis=1, keepdims=True)
    return (whole / np.where(length == 0, 1, length)).astype(np.float32)


def _distances(
    features: Float32[NDArray[np.float32], "images width"],
    known: Float32[NDArray[np.float32], "others width"],
    nearest: int,
) -> Float64[NDArray[np.float64], " images"]:
    """Euclidean, to the k-th nearest; NaN for features that are."""
    if not len(features):
        return np.empty(0)
    # In float64: near 0 the difference of two close numbers would be all that is left.
    squared = 2 - 2 * features.astype(np.float64) @ known.astype(np.float64).T
    kth = np.partition(squared, nearest - 1, axis=1)[:, nearest - 1]
    found: Float64[NDArray[np.float64], " images"] = np.sqrt(np.maximum(kth, 0))
    return found
