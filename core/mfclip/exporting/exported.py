"""An exported model that scores images as its bundle does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from mfclip.compute.precision import Arithmetic
from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.errors import UsageError
from mfclip.exporting.about import ExportedModel
from mfclip.exporting.openvino_model import MODEL
from mfclip.exporting.sessions import Session, open_session
from mfclip.inference.runtimes import Chosen
from mfclip.inference.score import Seen
from mfclip.metrics.operating import OperatingPoints
from mfclip.parts import BuildContext

if TYPE_CHECKING:
    from mfclip.faces.finder import FaceFinder
    from mfclip.metrics.familiar import Familiar
    from mfclip.recipe.settings import FacesSettings

CPU = torch.device("cpu")


class SessionPredictor:
    """Decoded images -> log-odds, with an exported model."""

    precision = torch.float32

    def __init__(self, session: Session) -> None:
        self._session, self.runtime = session, Chosen(session.runtime)
        self.preprocessor = Preprocessor(session.about.preprocessing, session.about.reencode)

    def __call__(
        self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]], *, keep: bool = False
    ) -> Float64[NDArray[np.float64], " batch"]:
        """One log-odds an image, or a clip; above zero: fake. The images may differ in size."""
        if not images:
            return np.empty(0)
        return self._session(self.preprocessor(images, CPU).numpy()).astype(np.float64)

    def seen(self, images: Sequence[UInt8[Tensor, "*frames 3 h w"]]) -> Seen:
        """The same; there are no features."""
        return Seen(self(images), None)


@dataclass(frozen=True)
class ExportedDetector:
    """Scores images with an exported model, by what the model says of itself."""

    about: ExportedModel
    predictor: SessionPredictor
    faces: FacesSettings | None = None
    """How faces are found in pictures and cut out; None: what it scores are ready crops."""

    @property
    def operating(self) -> OperatingPoints:
        """Calibration and thresholds."""
        return self.about.operating

    @property
    def device(self) -> torch.device:
        """Where it computes: the CPU."""
        return CPU

    @property
    def smallest(self) -> int:
        """Shortest side of an image that is scored, pixels."""
        return self.about.preprocessing.smallest

    @property
    def frames(self) -> int | None:
        """Frames of a sample; None: it is one image."""
        return self.about.preprocessing.frames

    @property
    def finder(self) -> FaceFinder | None:
        """What finds and cuts out the faces of pictures; None: it reads ready crops."""
        return self.predictor.preprocessor.finder

    @property
    def familiar(self) -> Familiar | None:
        """Nothing is remarked on unlike images: an exported model gives no features."""
        return None

    @property
    def weights_sha256(self) -> str:
        """Of the weights of the bundle that it was exported from."""
        return self.about.weights_sha256

    @property
    def preprocessing(self) -> PreprocessingSettings:
        """How a decoded image becomes its input."""
        return self.about.preprocessing

    @property
    def arithmetic(self) -> str:
        """A clause for people: what it computes in, and whether the figures belong to it."""
        if self.about.arithmetic == "fp32":
            return str(Arithmetic(torch.float32, self.about.precision))
        return f"computed in {self.about.arithmetic}, an exported model"

    @property
    def computed(self) -> str:
        """A clause for people: in what arithmetic, and with what runtime."""
        return f"{self.arithmetic}, {self.predictor.runtime}"


def is_exported(path: Path) -> bool:
    """Whether the path is of an exported model, and not of a bundle."""
    return path.suffix in (".onnx", ".xml") or (path / MODEL).is_file()


def load_exported(
    path: Path | str,
    device: str = "auto",
    precision: str | None = None,
    *,
    registry: Path | str | None = None,
    faces: FacesSettings | bool | None = None,
    runtime: str = "auto",
) -> ExportedDetector:
    """Load an ONNX file or an OpenVINO model that ``mfclip export`` wrote.

    ``registry`` and ``faces`` as for :func:`mfclip.load`.

    Raises
    ------
    BundleError
        Where it is none, is damaged, or of a later version.
    RecipeError
        Where the locator of its faces is not installed.
    UsageError
        For a device, a precision or another runtime: it is computed on the CPU, in what it was
        exported for.
    MissingExtraError
        Where the runtime is not installed.
    """
    if device not in ("auto", "cpu") or precision is not None:
        given = f"--precision {precision}" if precision is not None else f"--device {device}"
        raise UsageError(
            f"{given}: an exported model is computed on the CPU, in the arithmetic that it was "
            "exported for; leave the option out, or score the bundle itself"
        )
    session = open_session(Path(path))
    if runtime not in ("auto", session.runtime):
        raise UsageError(
            f"--runtime {runtime}: {path} is a model for {session.runtime}; leave the option out"
        )
    predictor = SessionPredictor(session)
    found = _faces(session.about, faces, registry)
    if found is not None:
        predictor.preprocessor.finder = found.finder(BuildContext())
    return ExportedDetector(session.about, predictor, found)


def _faces(
    about: ExportedModel, wanted: FacesSettings | bool | None, registry: Path | str | None
) -> FacesSettings | None:
    from mfclip.recipe.faces import choose_faces, settings_of
    from mfclip.recipe.registry import read_registry

    if wanted is False or (wanted is None and about.faces is None):
        return None
    catalogue = read_registry(None if registry is None else Path(registry))
    own = None if about.faces is None else settings_of(about.faces, catalogue)
    return choose_faces(own, about.preprocessing.frames, wanted, catalogue)
