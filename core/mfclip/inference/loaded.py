"""A detector out of its bundle, ready to score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mfclip.bundle.description import require_bases
from mfclip.bundle.folder import Bundle, read_bundle
from mfclip.inference.inputs import ImageInput, each_image
from mfclip.inference.points import choose_point
from mfclip.inference.predict import Predictor
from mfclip.inference.runtimes import check_runtime
from mfclip.inference.score import Score, score_batch
from mfclip.metrics.familiar import Familiar
from mfclip.metrics.operating import OperatingPoints

if TYPE_CHECKING:
    from mfclip.compute.precision import Arithmetic
    from mfclip.data.settings import PreprocessingSettings
    from mfclip.faces.finder import FaceFinder
    from mfclip.inference.films import FilmScore
    from mfclip.inference.watching import FrameScore
    from mfclip.recipe.model import Recipe
    from mfclip.recipe.settings import FacesSettings


@dataclass(frozen=True)
class LoadedDetector:
    """Scores images. Only the visual side is in memory (Eq. 3)."""

    bundle: Bundle
    """What it was loaded from."""
    predictor: Predictor
    """The detector itself: images -> log-odds."""
    operating: OperatingPoints
    """Calibration and threshold, fitted on validation."""
    arithmetic: Arithmetic
    """What it computes in, and what its figures were made in."""
    faces: FacesSettings | None = None
    """How faces are found in pictures and cut out; None: what it scores are ready crops."""
    familiar: Familiar | None = None
    """What the training images were like; None: nothing is remarked on images unlike them."""

    @property
    def computed(self) -> str:
        """A clause for people: in what arithmetic, and with what runtime."""
        return f"{self.arithmetic}, {self.predictor.runtime}"

    @property
    def threshold(self) -> float:
        """``p_fake`` at or above it means fake."""
        return self.operating.threshold

    @property
    def recipe(self) -> Recipe:
        """What the detector was built from, every default filled in."""
        return self.bundle.recipe

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.predictor.device

    @property
    def weights_sha256(self) -> str:
        """Of the weights."""
        return self.bundle.about.weights_sha256

    @property
    def preprocessing(self) -> PreprocessingSettings:
        """How a decoded image becomes the detector's input."""
        return self.bundle.about.preprocessing

    @property
    def smallest(self) -> int:
        """Shortest side of an image that is scored, pixels."""
        return self.predictor.preprocessor.settings.smallest

    @property
    def frames(self) -> int | None:
        """Frames of a sample of a detector that reads clips; None: it reads images."""
        return self.predictor.preprocessor.settings.frames

    @property
    def finder(self) -> FaceFinder | None:
        """What finds and cuts out the faces of pictures; None: it reads ready crops."""
        return self.predictor.preprocessor.finder

    def score(
        self,
        inputs: ImageInput | Iterable[ImageInput],
        *,
        batch_size: int = 24,
        threshold: str | float | None = None,
    ) -> list[Score]:
        """One :class:`Score` an image, in order.

        ``inputs``: a path, a PIL image, an array (H, W, 3) of uint8 RGB, a tensor (3, H, W) or
        (B, 3, H, W) of uint8 or of floats in 0-1, or any number of these. A detector that reads
        clips of T :attr:`frames` takes them evenly spaced out of a file or a PIL image, and arrays
        (T, H, W, 3) and tensors (T, 3, H, W) or (B, T, 3, H, W). Many files are scored faster
        by :func:`mfclip.inference.score.score_paths`, which decodes them in parallel.
        ``threshold``: ``balanced``, ``fpr-1``, ``fpr-5``, or a number 0-1; without it,
        :attr:`threshold`.

        Raises
        ------
        UsageError
            For what is no image, and where the detector has no such threshold. A file that
            cannot be read is no error, nor is an image that is too small or shows one colour:
            the status says why there is no verdict.
        """
        point = choose_point(self.operating, threshold)
        stream = each_image(inputs, smallest=self.smallest, frames=self.frames, finder=self.finder)
        scores: list[Score] = []
        while given := list(islice(stream, batch_size)):
            paths, _, statuses, reasons, crops, forms = zip(*given, strict=True)
            readable = [image for one in given for image in one.images()]
            faces = [None if found is None else [crop.seen for crop in found] for found in crops]
            scores += score_batch(
                self, point, paths, readable, statuses, reasons, faces, batch_size, forms
            )
        return scores

    def score_film(
        self,
        path: Path | str,
        *,
        frames: int | None = None,
        rate: float | None = None,
        threshold: str | float | None = None,
        batch_size: int = 24,
        each: Callable[[FrameScore], None] | None = None,
    ) -> FilmScore:
        """Score a film, however long, see :func:`mfclip.inference.films.score_film`."""
        from mfclip.inference.films import score_film

        return score_film(
            self,
            path,
            frames=frames,
            rate=rate,
            threshold=threshold,
            batch_size=batch_size,
            each=each,
        )


def load(
    folder: Path | str,
    device: str = "auto",
    precision: str | None = None,
    *,
    registry: Path | str | None = None,
    faces: FacesSettings | bool | None = None,
    runtime: str = "auto",
) -> LoadedDetector:
    """Load a bundle to score with.

    A bundle cannot run code of its own, and imports nothing but installed plugins. Weights, recipe
    and figures are data; see ``docs/explanation/trust.md``.

    Parameters
    ----------
    device
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:n``.
    precision
        None: as the bundle's threshold and figures were made, because a score belongs to the
        arithmetic it was made in; float32 where the device has no bfloat16 units, which
        ``arithmetic`` then tells. ``auto`` (bf16 where the device is fast in it), ``fp32`` or
        ``bf16`` overrule that.
    registry
        A registry file of your own; its ``[plugins]`` says which distributions may be loaded.
    faces
        None: as the bundle says, pictures whose faces are found or ready crops. True, or settings
        of one's own (:func:`mfclip.recipe.faces.read_faces`): find faces although the detector was
        trained on ready crops. False: what is given are ready crops, whatever the bundle says.
    runtime
        ``auto``, ``fused`` or ``torch``: what runs the layers, see
        :mod:`mfclip.inference.runtimes`.

    Raises
    ------
    BundleError
        Where the folder is no bundle, is damaged, or needs parts that are not installed.
    RecipeError
        Where the recipe in it or the registry file is wrong, with file and line.
    UsageError
        Where the device, the precision or the runtime cannot be had; for settings of faces where
        the bundle has its own.
    """
    from mfclip.compute.devices import choose_device
    from mfclip.compute.precision import arithmetic_for
    from mfclip.recipe.faces import choose_faces
    from mfclip.recipe.registry import read_registry

    check_runtime(runtime)
    place = choose_device(device)
    catalogue = read_registry(None if registry is None else Path(registry))
    bundle = read_bundle(Path(folder), registry=catalogue)
    require_bases(bundle.about, bundle.recipe)
    arithmetic = arithmetic_for(precision, recorded_precision(bundle), place)
    preprocessor = bundle.recipe.preprocessor()
    prepared = bundle.recipe.preprocessing
    found = choose_faces(prepared.faces, prepared.frames, faces, catalogue)
    preprocessor.finder = found.finder(bundle.recipe.context()) if found else None
    predictor = Predictor(
        bundle.detector(text_side=False),
        preprocessor,
        device=place,
        precision=arithmetic.used,
        runtime=runtime,
    )
    return LoadedDetector(
        bundle, predictor, bundle.about.operating, arithmetic, found, bundle.familiar()
    )


def recorded_precision(bundle: Bundle) -> str:
    """``fp32`` or ``bf16``: what a bundle's figures were made in; empty where that is not known.

    Bundles of 0.1 do not say; where their recipe names a precision, that is what they were made in.
    """
    if bundle.about.precision or bundle.recipe.training is None:
        return bundle.about.precision
    named = bundle.recipe.training.precision
    return "" if named == "auto" else named
