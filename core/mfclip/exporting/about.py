"""What an exported model says of itself: everything but the weights that scoring needs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mfclip.bundle.folder import Bundle
from mfclip.bundle.json_text import read_json
from mfclip.data.labels import LABELS
from mfclip.data.settings import PreprocessingSettings
from mfclip.errors import BundleError
from mfclip.metrics.operating import OperatingPoints
from mfclip.version import __version__

FORMAT = 1
"""Version of this table; raised when an older reader would misread a model."""
KEY = "mfclip"
"""Under which the table is kept in a model's metadata, as JSON."""
INPUT, LOG_ODDS, P_FAKE = "images", "log_odds", "p_fake"
"""Names of the model's input and outputs."""

Arithmetic = Literal["fp32", "bf16", "int8"]


class ExportedModel(BaseModel):
    """The table. Keys of a later version are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    format: int = FORMAT
    """Version of this table."""
    mfclip: str
    """Version of the framework that wrote it."""
    name: str
    """Of the recipe."""
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the bundle's weights."""
    labels: tuple[str, ...] = LABELS
    """Columns of the bundle's logits."""
    preprocessing: PreprocessingSettings
    """How a decoded image becomes the input, float32 0-1, RGB."""
    faces: dict[str, Any] | None = None
    """How the faces of a picture are found and cut out, as a recipe's ``[preprocessing.faces]``
    says it; None: the images are crops."""
    reencode: str | None = None
    """What the resized image is encoded by before: ``png`` or ``jpeg:1`` to ``jpeg:100``."""
    operating: OperatingPoints
    """Calibration, which is in ``p_fake`` already, and thresholds."""
    precision: Literal["", "fp32", "bf16"] = ""
    """Arithmetic in which the thresholds were fitted; empty: not known."""
    arithmetic: Arithmetic = "fp32"
    """What the model is to be computed in."""


def describe(bundle: Bundle, arithmetic: Arithmetic = "fp32") -> ExportedModel:
    """The table of a bundle's model."""
    faces = bundle.recipe.preprocessing.faces
    return ExportedModel(
        mfclip=__version__,
        name=bundle.recipe.name,
        weights_sha256=bundle.about.weights_sha256,
        preprocessing=bundle.recipe.preprocessing,
        faces=faces.model_dump(mode="json") if faces else None,
        reencode=bundle.recipe.context().reencode,
        operating=bundle.about.operating,
        precision=bundle.about.precision,
        arithmetic=arithmetic,
    )


def parse(text: str | None, origin: str) -> ExportedModel:
    """Read the table out of a model's metadata.

    Raises
    ------
    BundleError
        Where there is none, it is damaged, or of a later version.
    """
    if not text:
        raise BundleError(
            f"{origin} was not written by mfclip: it does not say how its images are prepared and "
            "what its scores mean. Export a bundle with `mfclip export`."
        )
    found: Any = read_json(text, origin)
    later = found.get("format") if isinstance(found, dict) else None
    if isinstance(later, int) and later > FORMAT:
        raise BundleError(
            f"{origin} is of format {later}; mfclip {__version__} reads up to {FORMAT}. "
            "Install a later mfclip."
        )
    try:
        about = ExportedModel.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BundleError(f"{origin} is damaged: {KEY}.{place}: {first['msg']}") from error
    if about.labels != LABELS:
        raise BundleError(f"{origin} has the labels {about.labels}; known are {LABELS}")
    return about
