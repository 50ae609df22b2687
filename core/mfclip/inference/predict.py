"""Log-odds of many images, fast: what evaluation and scoring both run on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from numpy.typing import NDArray
from torch import Tensor, nn

from mfclip.data.source import Source
from mfclip.detector.base import DetectorModule
from mfclip.detector.failures import naming_parts
from mfclip.detector.outputs import FAKE, REAL, Outputs
from mfclip.detector.reading import select
from mfclip.inference.fold import fold, with_exact_heads
from mfclip.inference.fuse import fuse
from mfclip.inference.runtimes import choose_runtime
from mfclip.inference.score import Seen
from mfclip.ranks.world import ALONE, Ranks

if TYPE_CHECKING:
    from mfclip.data.loader import Batch
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Exact types that autocast runs in the reduced precision."""


class Predictor:
    """A detector made ready to score.

    It holds a copy of the visual side in evaluation mode, batch norm folded, channels last, so
    the detector it was made from may go on training. An image's log-odds do not depend on the
    images beside it.

    Parameters
    ----------
    precision
        ``torch.float32``, or ``torch.bfloat16`` where the device computes it natively.
    runtime
        ``fused``, ``torch``, or ``auto``: the faster one that can run here; see
        :mod:`mfclip.inference.runtimes`.

    Raises
    ------
    UsageError
        Where the runtime cannot run here.
    """

    def __init__(
        self,
        detector: DetectorModule,
        preprocessor: Preprocessor,
        *,
        device: torch.device,
        precision: torch.dtype,
        runtime: str = "auto",
    ) -> None:
        self.preprocessor, self.device, self.precision = preprocessor, device, precision
        self.module = self._running = self._copy(detector)
        """The layers as they are, for whoever looks into them or asks for gradients."""
        with naming_parts(self.module):
            reducible = precision == torch.float32 or self._takes_reduced_weights()
        if not reducible:
            self.module = self._running = self._copy(detector)
        self.runtime = choose_runtime(runtime, device, precision, cast=reducible)
        """What runs the layers."""
        if self.runtime.name == "fused":
            self._running = fuse(self.module, precision)

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> NDArray[np.float64]:
        """One log-odds an image, or a clip; above zero: fake. The images may differ in size.

        ``keep`` writes what is made beside the images to the cache, for images of a data set.
        """
        return self.seen(images, keep=keep).log_odds

    def seen(self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False) -> Seen:
        """The same, with the features that the log-odds were made of."""
        if not images:
            return Seen(np.empty(0), None)
        with torch.inference_mode():
            batch, given = self.prepared(images, keep=keep)
            with naming_parts(self._running):
                outputs = self._outputs(batch, given)
        features = None if outputs.visual is None else outputs.visual.float().cpu().numpy()
        return Seen(_log_odds(outputs).cpu().numpy(), features)

    def prepared(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> tuple[Float[Tensor, "batch *frames 3 size size"], dict[str, Tensor]]:
        """Images as the detector gets them, and what it reads beside them, on the device."""
        sources = [Source(image) for image in images]
        named = self.preprocessor.inputs.of(sources, scoring=True, keep=keep)
        beside = self.preprocessor.beside(named, self.device)
        return self.preprocessor(images, self.device), beside

    @torch.inference_mode()
    def log_odds(
        self,
        images: Float[Tensor, "batch *frames 3 size size"],
        given: Mapping[str, Tensor] | None = None,
    ) -> Float64[Tensor, " batch"]:
        """The same for images, and inputs beside them, as :meth:`prepared` gives them."""
        return _log_odds(self._outputs(images, given or {}))

    def _outputs(
        self, images: Float[Tensor, "batch *frames 3 size size"], given: Mapping[str, Tensor]
    ) -> Outputs:
        if images.ndim == 4 and self.device.type != "cpu":
            # On a CPU, convolutions take what order they need; arithmetic before them is faster
            # on whole planes.
            images = images.contiguous(memory_format=torch.channels_last)
        reduced = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            outputs: Outputs = self._running(images, **select(given, self.module.reads))
        return outputs

    def _copy(self, detector: DetectorModule) -> DetectorModule:
        copy = fold(detector.scoring())
        if self.precision != torch.float32:
            with_exact_heads(copy)
        copy.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return copy

    def _takes_reduced_weights(self) -> bool:
        """Cast the layers' weights once, not in every pass; False where a part refuses them.

        Autocast would cast them to the same values each time, which for a single image takes
        longer than all the rest. A part that switches autocast off inside itself may not take
        them; it is left to autocast.
        """
        for layer in self.module.modules():
            if type(layer) in LAYERS:
                layer.to(self.precision)
        try:
            self.log_odds(*self.prepared([self.preprocessor.black()]))
        except RuntimeError as error:
            if "dtype" in str(error) or "type" in str(error):
                return False
            raise
        return True


def _log_odds(outputs: Outputs) -> Float64[Tensor, " batch"]:
    logits = outputs.logits.double()
    return logits[:, FAKE] - logits[:, REAL]


class Bound(nn.Module):
    """A detector with what it reads beside one image held as it is, for any change to the image."""

    def __init__(self, module: DetectorModule, given: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.module, self.given = module, given

    def forward(self, images: Float[Tensor, "batch 3 size size"]) -> Outputs:
        """What the detector gives for versions of the one image."""
        given = {
            name: value.expand(len(images), *value.shape[1:]) for name, value in self.given.items()
        }
        outputs: Outputs = self.module(images, **select(given, self.module.reads))
        return outputs


def predict_log_odds(
    detector: DetectorModule,
    manifest: Manifest,
    preprocessor: Preprocessor,
    *,
    batch_size: int,
    workers: int | None,
    device: torch.device,
    precision: torch.dtype,
    progress: Callable[[int, int], None] | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.float64]:
    """One log-odds for each row of the manifest, in its order.

    Several processes (``ranks``) score a share of the batches each, and all get all log-odds.

    ``progress`` is told the images done and their total. An image that cannot be read raises
    :class:`mfclip.data.images.ImageError`: here every row counts.
    """
    predictor = Predictor(detector, preprocessor, device=device, precision=precision)
    return predict_with(
        predictor, manifest, batch_size=batch_size, workers=workers, progress=progress, ranks=ranks
    )


def predict_with(
    predictor: Predictor,
    manifest: Manifest,
    *,
    batch_size: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None = None,
    change: Callable[[Batch], Sequence[Tensor]] | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.float64]:
    """As :func:`predict_log_odds`, with a detector that was made ready before.

    ``change`` gives the images to score in place of a batch's decoded ones, before they are
    preprocessed.
    """
    scores = np.zeros(len(manifest))
    done = 0
    for batch in _batches(predictor, manifest, batch_size, workers, ranks):
        scores[batch.index.numpy()] = (
            predictor(change(batch)) if change else predictor(batch.images, keep=True)
        )
        done += len(batch.images)
        if progress:
            progress(min(done * ranks.count, len(manifest)), len(manifest))
    # Each row was scored by one process and is 0 in the others.
    whole: NDArray[np.float64] = ranks.total(torch.from_numpy(scores)).numpy()
    return whole


def features_with(
    predictor: Predictor, manifest: Manifest, *, batch_size: int, workers: int | None
) -> tuple[Float32[NDArray[np.float32], "rows width"] | None, list[int]]:
    """Features of every row, in its order, and the shorter side of each image in pixels.

    The features are None where the detector gives none.
    """
    found: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(manifest)
    sides = [0] * len(manifest)
    for batch in _batches(predictor, manifest, batch_size, workers):
        features = predictor.seen(batch.images, keep=True).features
        if features is None:
            return None, []
        for row, one, image in zip(batch.index.tolist(), features, batch.images, strict=True):
            found[row], sides[row] = one, min(image.shape[-2:])
    return np.stack(found), sides


def _batches(
    predictor: Predictor,
    manifest: Manifest,
    batch_size: int,
    workers: int | None,
    ranks: Ranks = ALONE,
) -> Iterable[Batch]:
    from mfclip.data.loader import evaluation_loader

    return evaluation_loader(
        manifest,
        None,
        batch_size=batch_size,
        workers=workers,
        pin_memory=predictor.device.type == "cuda",
        frames=predictor.preprocessor.settings.frames,
        finder=predictor.preprocessor.finder,
        ranks=ranks,
    )
