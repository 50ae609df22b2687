"""The answers of the service, as its OpenAPI describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mfclip.inference.points import BALANCED, GIVEN, UNFITTED, Banded
from mfclip.serving.refusals import CODES

if TYPE_CHECKING:
    from mfclip.inference.points import Point
    from mfclip.inference.score import FaceScore, Score
    from mfclip.serving.explaining import Explanation
    from mfclip.serving.models import Model
    from mfclip.serving.service import Scored

_BOX = (112.5, 80.0, 310.0, 338.5)
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Share = Field(ge=0, le=1)


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_extra={"examples": [values]}
    )


class Problem(BaseModel):
    """What is said where there is no answer."""

    model_config = _example(error="busy", message="64 requests are in hand; come again")

    error: str = Field(json_schema_extra={"enum": [*dict.fromkeys(CODES.values())]})
    """What kind of problem, for programs."""
    message: str
    """What is wrong, what is allowed and what to do, for people."""


class FaceAnswer(BaseModel):
    """One face of a picture."""

    model_config = _example(
        number=1, box=_BOX, found=0.98, p_fake=0.93, verdict="fake", status="ok", reason=""
    )

    number: int = Field(ge=1)
    """The largest face is 1."""
    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of the upright picture."""
    found: float = Share
    """How sure the locator is that this is a face."""
    p_fake: float | None = Field(ge=0, le=1)
    """As of an image."""
    verdict: str | None
    """As of an image."""
    status: str
    """``ok``, or why there is no verdict, as ``small-face``."""
    reason: str
    """What is wrong with it; most often empty."""


class CredentialsAnswer(BaseModel):
    """Content credentials (C2PA) of a file: beside its score, and no part of it."""

    model_config = _example(
        state="valid",
        signer="Example News, Camera",
        tool="Example Camera 1",
        source="digitalCapture",
        reason="",
    )

    state: Literal["none", "invalid", "valid", "trusted", "unreadable"]
    """``valid``: as its signer left it, whoever that is; ``trusted``: by a signer that is known
    here."""
    signer: str
    """As the certificate names it."""
    tool: str
    """What wrote them, in its own words."""
    source: str
    """What the signer says the picture is, in IPTC's words."""
    reason: str
    """Why they are invalid, or cannot be looked at."""


class ImageAnswer(BaseModel):
    """One file of a request."""

    model_config = _example(
        name="anchor.jpg",
        sha256=_HASH,
        width=1280,
        height=720,
        status="ok",
        reason="",
        p_fake=0.93,
        verdict="fake",
        meaning="p_fake 0.930 reaches the threshold 0.620.",
        faces=[FaceAnswer.model_config["json_schema_extra"]["examples"][0]],  # type: ignore[index]
    )

    name: str
    """As the client calls it."""
    sha256: str
    """Of its bytes, so that a report can be tied to a file."""
    width: int | None
    """Of the upright picture, pixels; null where it could not be decoded."""
    height: int | None
    """The same."""
    status: str
    """``ok``, or why there is no verdict; the words are those of ``mfclip score``."""
    reason: str
    """What is wrong with the file, or a note on one that is ``ok``."""
    p_fake: float | None = Field(ge=0, le=1)
    """Calibrated probability that it is fake; of a picture with faces the largest of them."""
    verdict: str | None
    """``fake`` where p_fake reaches the threshold, else ``real``; null without p_fake."""
    meaning: str
    """The verdict in a sentence, or what kept it from one."""
    faces: list[FaceAnswer] | None
    """The largest first; null where faces are not looked for."""
    credentials: CredentialsAnswer | None = None
    """Null where the service does not look at them."""


class PointAnswer(BaseModel):
    """The threshold that was used."""

    model_config = _example(
        name="balanced", threshold=0.62, meaning="best mean accuracy of both classes on validation"
    )

    name: str
    """``balanced``, ``fpr-N``, ``error-N`` (three verdicts), ``given`` or ``unfitted``."""
    threshold: float = Share
    """On p_fake."""
    uncertain_from: float | None = None
    """On p_fake: from here to the threshold the verdict is uncertain; none: it never is."""
    meaning: str
    """Where it comes from."""


class ScoreAnswer(BaseModel):
    """Everything that is said of a request's files."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    model: str
    """Name of the detector that was asked."""
    weights_sha256: str
    """Of its weights."""
    mfclip: str
    """Version of the framework."""
    point: PointAnswer
    """The threshold that was used."""
    images: list[ImageAnswer]
    """One for each file, in their order."""
    cautions: list[str]
    """What a verdict must not be trusted with."""


class PatchAnswer(BaseModel):
    """A patch of the image."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of what the detector sees."""
    homogeneity: float
    """0-1; the smaller, the richer its texture."""
    patch: str
    """The picture, as a data address."""
    noise: str
    """Its noise, as a data address."""


class ExplainAnswer(BaseModel):
    """What the detector looks at in an image, or in one face of it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    model: str
    """Name of the detector."""
    face: int
    """Number of the face that is explained; 1 where faces are not looked for."""
    size: int
    """Side of what the detector sees, pixels; boxes are in them."""
    heat_map: str
    """The picture, as a data address: orange speaks for fake, blue for real."""
    most_for_fake: float
    """Log-odds that covering the place takes away that speaks most for fake; 0 or above."""
    most_for_real: float
    """The same for real; 0 or below."""
    richest: PatchAnswer
    """The patch with the richest texture."""
    poorest: PatchAnswer
    """The patch with the poorest texture."""


class ModelAnswer(BaseModel):
    """One detector of the service."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """By which a request asks for it."""
    default: bool
    """Whether it answers requests that name none."""
    recipe: str
    """Name of its recipe."""
    assembly: str
    """What it is assembled as."""
    size: int
    """Side of its input, pixels."""
    smallest: int
    """Shortest side of an image that is scored, pixels."""
    frames: int | None
    """Frames of a sample, where it reads clips."""
    finds_faces: bool
    """Whether it finds the faces of pictures; else it takes an image for the crop of one."""
    explains: bool
    """Whether ``/v1/explain`` makes heat maps of it."""
    points: list[PointAnswer]
    """Thresholds by name; the first one is used where a request asks for none."""
    weights_sha256: str
    """Of its weights."""
    precision: str
    """Arithmetic that it computes in, and what its figures were made in."""
    runtime: str
    """What runs its layers: ``fused`` or ``torch``."""
    device: str
    """Where it computes."""
    synthetic: bool
    """Whether it was trained on images that a program drew; its verdicts then mean nothing."""
    cautions: list[str]
    """What its verdicts must not be trusted with."""


class ModelsAnswer(BaseModel):
    """The detectors of the service."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    mfclip: str
    """Version of the framework."""
    films: bool
    """Whether ``/v1/video`` takes films."""
    models: list[ModelAnswer]
    """In the order of the command line."""


class StateAnswer(BaseModel):
    """Whether the service runs."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ok"]


def score_answer(model: Model, point: Point, found: list[Scored]) -> ScoreAnswer:
    """What is answered to a request for scores."""
    from mfclip.version import __version__

    return ScoreAnswer(
        model=model.name,
        weights_sha256=model.loaded.bundle.about.weights_sha256,
        mfclip=__version__,
        point=point_answer(point),
        images=[_image(one) for one in found],
        cautions=list(model.cautions),
    )


def model_answer(model: Model, *, default: bool) -> ModelAnswer:
    """What is told of a detector."""
    loaded, settings = model.loaded, model.loaded.recipe.preprocessing
    return ModelAnswer(
        name=model.name,
        default=default,
        recipe=loaded.recipe.name,
        assembly=loaded.recipe.assembly or "",
        size=settings.size,
        smallest=loaded.smallest,
        frames=loaded.frames,
        finds_faces=loaded.faces is not None,
        explains=model.explainer is not None,
        points=[point_answer(point) for point in model.points()],
        weights_sha256=loaded.bundle.about.weights_sha256,
        precision=str(loaded.arithmetic),
        runtime=loaded.predictor.runtime.name,
        device=str(loaded.device),
        synthetic=model.synthetic,
        cautions=list(model.cautions),
    )


def explain_answer(model: Model, face: int, found: Explanation) -> ExplainAnswer:
    """What is answered to a request for a heat map."""
    return ExplainAnswer(
        model=model.name,
        face=face,
        size=model.loaded.recipe.preprocessing.size,
        heat_map=found.heat_map,
        most_for_fake=found.most_for_fake,
        most_for_real=found.most_for_real,
        richest=PatchAnswer(**found.richest._asdict()),
        poorest=PatchAnswer(**found.poorest._asdict()),
    )


def _image(one: Scored) -> ImageAnswer:
    score, signed = one.score, one.seen.credentials
    return ImageAnswer(
        name=one.name,
        sha256=one.seen.sha256,
        width=one.seen.width,
        height=one.seen.height,
        credentials=signed and CredentialsAnswer(**signed._asdict()),
        status=str(score.status),
        reason=score.reason,
        p_fake=score.p_fake,
        verdict=score.verdict,
        meaning=meaning(one.score),
        faces=None if score.faces is None else [_face(face) for face in score.faces],
    )


def _face(one: FaceScore) -> FaceAnswer:
    return FaceAnswer(
        number=one.number,
        box=one.face.box,
        found=one.face.score,
        p_fake=one.p_fake,
        verdict=one.verdict,
        status=str(one.status),
        reason=one.reason,
    )


def point_answer(point: Point) -> PointAnswer:
    """What is told of a threshold."""
    return PointAnswer(
        name=point.name,
        threshold=point.threshold,
        uncertain_from=point.band.low if isinstance(point, Banded) else None,
        meaning=_origin(point.name),
    )


def _origin(name: str) -> str:
    known = {
        BALANCED: "the best mean accuracy of both classes on the validation images",
        UNFITTED: "fitted on nothing, for want of validation images: verdicts are arbitrary",
        GIVEN: "a number that was asked for",
    }
    kind, _, limit = name.partition("-")
    if kind == "error":
        return (
            f"with uncertain verdicts below it, so that at most {limit} % of the reals are called "
            "fake and at most as many of the fakes real"
        )
    return known.get(name, f"at most {limit} % of the real validation images are called fake")


def meaning(score: Score) -> str:
    """The verdict in a sentence, or what kept it from one."""
    if score.p_fake is None:
        return f"No verdict: {score.reason}"
    p_fake, threshold = apart(score.p_fake, score.threshold)
    whose = ""
    if score.faces and len(score.faces) > 1:
        whose = " of the most suspicious face"
    if score.verdict == "fake":
        return (
            f"p_fake {p_fake}{whose} reaches the threshold {threshold}: to this detector it looks "
            "more like the forgeries it was trained on than like its real photos."
        )
    if score.verdict == "uncertain":
        return (
            f"p_fake {p_fake}{whose} lies where this detector says neither fake nor real, so that "
            "its other verdicts are seldom wrong. Let somebody look who knows the case."
        )
    return (
        f"p_fake {p_fake}{whose} stays below the threshold {threshold}: the detector found no "
        "traces that it knows. That does not prove that the picture is genuine."
    )


def apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart, three at least and nine at most."""
    pairs = [(f"{one:.{digits}f}", f"{other:.{digits}f}") for digits in range(3, 10)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])
