"""``bundle.json``: what a bundle is, what it was made with, and what it needs to be loaded."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mfclip.bundle.json_text import read_json
from mfclip.data.labels import LABELS
from mfclip.data.settings import PreprocessingSettings
from mfclip.errors import BundleError, UsageError
from mfclip.metrics.operating import OperatingPoints
from mfclip.plugins.checks import PART_NAME
from mfclip.plugins.entry_points import normalise
from mfclip.recipe.slots import parts_within
from mfclip.weights.files import hash_of
from mfclip.weights.known import KNOWN
from mfclip.weights.names import WeightName
from mfclip.weights.store import named_by_hash

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe

FORMAT = 1
"""Version of the format; raised when an older reader would misread a bundle."""


def _inside(name: str) -> str:
    """A file's name inside the bundle: nothing that could lead out of it."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") for part in parts)
    if plain and not re.search(r"[\\:\x00-\x1f]", name):
        return name
    raise ValueError(f"{name!r} is no name of a file inside the bundle")


DISTRIBUTION = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
VERSION = r"^([A-Za-z0-9.!+_-]+|\?)$"
"""What may stand in a command that a message tells people to run."""
NAME = rf"^{PART_NAME.pattern}$"
"""What a part, and a kind of part, is called."""
UNKNOWN, NO_VERSION = "unknown", "?"
"""A distribution whose metadata do not say."""

FileName = Annotated[str, AfterValidator(_inside)]
"""Relative, with ``/`` between its parts."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""sha256 in hexadecimal."""


class Table(BaseModel):
    """Base of what ``bundle.json`` holds. Keys of a later minor version are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Need(Table):
    """One part of the recipe and who provides it."""

    kind: str = Field(pattern=NAME)
    """Kind of part."""
    name: str = Field(pattern=NAME)
    """Its name in recipes."""
    distribution: str = Field(pattern=DISTRIBUTION)
    """What to install to have it."""
    version: str = Field(pattern=VERSION)
    """Version that the bundle was written with."""

    @property
    def install(self) -> str:
        """The command that installs it."""
        if self.distribution == UNKNOWN:
            return "install the plugin that offers it again"
        exactly = "" if self.version == NO_VERSION else f"=={self.version}"
        return f"pip install {self.distribution}{exactly}"


class Base(Table):
    """Pretrained weights that a part of the detector started from."""

    place: str
    """Of the part in the recipe: ``vision.image``."""
    name: str
    """What the recipe calls them; of a file, its name without the folders."""
    sha256: Hash
    """Of their file."""


class ChosenBy(Table):
    """How candidate and epoch were chosen, where it was by kinds left out."""

    left_out: str
    """Column of the manifest whose kinds were left out of trainings, one at a time."""
    kinds: tuple[str, ...]
    """These kinds."""
    settings: dict[str, Any] = {}
    """Of the chosen candidate, by dotted key; empty where there was no other."""
    candidates: int = Field(ge=1)
    """How many there were."""
    epoch: int = Field(ge=1)
    """The chosen one, whose weights are in the bundle."""
    auc: float
    """Mean over the kinds, each scored by the detector that never saw it; 0-1."""


class BundleJson(Table):
    """The content of ``bundle.json``."""

    format: int = FORMAT
    """Version of this format."""
    mfclip: str = Field(pattern=VERSION)
    """Version of the framework that wrote the bundle."""
    torch: str = Field(pattern=VERSION)
    """Version of PyTorch that it was written with."""
    python: str = Field(pattern=VERSION)
    """Version of Python that it was written with."""
    needs: tuple[Need, ...] = ()
    """The recipe's parts and their owners."""
    bases: tuple[Base, ...] = ()
    """Pretrained weights that it was built from. It holds its own and needs none of them, but for
    those that make an input beside the image and those that ``from_bases`` counts on."""
    from_bases: Mapping[str, Hash] = {}
    """Of a light bundle: tensors that are not in ``model.safetensors``, because the parts built
    from ``bases`` have them; sha256 of each (:func:`mfclip.bundle.weights.digest`)."""
    labels: dict[Literal["real", "fake"], Literal[0, 1]]
    """Columns of the logits."""
    preprocessing: PreprocessingSettings
    """How an image, or the crop of a face, becomes the detector's input. How faces are found is in
    ``recipe.toml``."""
    operating: OperatingPoints = OperatingPoints()
    """Calibration temperature and thresholds, fitted on validation."""
    chosen_by: ChosenBy | None = None
    """How candidate and epoch were chosen, and whose scores the operating points were fitted on;
    None: by the detector's own on validation."""
    precision: Literal["", "fp32", "bf16"] = ""
    """Arithmetic in which validation was scored, and so what the operating points and the figures
    belong to. Empty: not known, or nothing was scored."""
    text_side: bool
    """Whether the weights of text encoder, predictor and alignment are in the bundle."""
    weights_sha256: Hash
    """Of ``model.safetensors``."""
    data_fingerprint: str = ""
    """Fingerprint of the training data's manifest; empty where there was none."""
    seed: int | None = None
    """Of the training; None for an untrained detector."""
    files: tuple[FileName, ...]
    """Every file of the bundle."""


def bases_of(recipe: Recipe, place: str | tuple[str, ...] = "") -> tuple[Base, ...]:
    """The pretrained weights that the recipe's parts name, with their hashes.

    ``place`` keeps to the parts whose place begins so, as ``input.``, or one of these.

    Raises
    ------
    UsageError
        Where weights are not on this machine.
    """
    return tuple(
        Base(place=dotted, name=_name(weights), sha256=hash_of(weights))
        for dotted, weights in named_weights(recipe)
        if dotted.startswith(place)
    )


def named_weights(recipe: Recipe) -> Iterator[tuple[str, WeightName | Path]]:
    """What the recipe's parts name as weights, after their places."""
    for path, part in parts_within(recipe):
        weights = getattr(part, "weights", None)
        if isinstance(weights, Path | WeightName):
            yield ".".join(map(str, path)), weights


def _name(weights: WeightName | Path) -> str:
    return weights.name if isinstance(weights, Path) else str(weights)


def require_bases(about: BundleJson, recipe: Recipe) -> None:
    """Raise :class:`BundleError` where weights that scoring reads are not those of the build.

    Inputs beside the image are made with them anew, and faces are found with them; all other parts
    have their own in the bundle, and theirs are not looked for here: a light bundle does so as its
    detector is made.
    """
    wanted = [base for base in about.bases if base.place.startswith(MADE_ANEW)]
    here = {base.place: base.sha256 for base in bases_of(recipe, MADE_ANEW)} if wanted else {}
    for base in wanted:
        found = here.get(base.place, "nothing")
        if found != base.sha256:
            raise BundleError(_others(base, found))


def base_here(base: Base, named: WeightName | Path) -> WeightName | Path:
    """Weights of the recorded hash: as the recipe names them, or kept under any other name.

    Raises
    ------
    BundleError
        Where they are not on this machine; tells how to get them.
    """
    try:
        found = hash_of(named)
    except UsageError as error:
        found = f"absent ({error})"
    if found == base.sha256:
        return named
    if kept := named_by_hash(base.sha256):
        return kept
    name = base.name if base.name in KNOWN else "NAME"
    raise BundleError(
        f"{_others(base, found)}: `mfclip weights get {name}`, or `mfclip weights convert FILE "
        "--as NAME` for a file of yours. The bundle is light: it does not hold them."
    )


def _others(base: Base, found: str) -> str:
    return (
        f"{base.place} was built with the weights {base.name!r} of sha256 {base.sha256}, "
        f"and here they are {found}; get those that it was built with"
    )


MADE_ANEW = ("input.", "preprocessing.")
"""Where the places of the parts begin that no bundle holds weights of."""


def label_map() -> dict[Literal["real", "fake"], Literal[0, 1]]:
    """Columns of the logits by name."""
    return {LABELS[0]: 0, LABELS[1]: 1}


def versions() -> dict[str, str]:
    """What this process runs on."""
    return {
        "mfclip": version("mfclip"),
        "torch": version("torch"),
        "python": platform.python_version(),
    }


def needs_of(recipe: Recipe, plugins: Plugins) -> tuple[Need, ...]:
    """The recipe's parts with the distributions that offer them, each once, in its order."""
    needs = {}
    for _, part in parts_within(recipe):
        offer = plugins.get(part.kind, part.use)
        if offer is not None:
            needs[part.kind, part.use] = Need(
                kind=part.kind,
                name=part.use,
                distribution=_or(UNKNOWN, offer.distribution, DISTRIBUTION),
                version=_or(NO_VERSION, offer.version, VERSION),
            )
    return tuple(needs.values())


def require(needs: Iterable[Need], plugins: Plugins, origin: str) -> None:
    """Raise :class:`BundleError` naming every part that cannot be had from its own distribution.

    A part of the same name from another distribution is not that part.
    """
    lacking = [need for need in needs if not _offered(need, plugins)]
    if not lacking:
        return
    lines = [
        f"  {need.kind} {need.name!r} of {need.distribution} {need.version}"
        f"{_reason(need, plugins)}: {_advice(need, plugins)}"
        for need in lacking
    ]
    if any(line.endswith(need.install) for line, need in zip(lines, lacking, strict=True)):
        lines.append("The bundle names these packages; install only what you trust: it will run.")
    raise BundleError("\n".join([f"{origin} needs parts that are not installed:", *lines]))


def require_listed(recipe: Recipe, needs: Iterable[Need], origin: str) -> None:
    """Raise :class:`BundleError` where a recipe uses a part that ``bundle.json`` does not list."""
    listed = {(need.kind, need.name) for need in needs}
    for path, part in parts_within(recipe):
        if (part.kind, part.use) not in listed:
            place = ".".join(map(str, path))
            raise BundleError(
                f"{origin} contradicts itself: its recipe uses the {part.kind} {part.use!r} "
                f"({place}), which bundle.json does not list under `needs`. Do not use it, or "
                "build it anew."
            )


def changed_versions(needs: Iterable[Need], plugins: Plugins) -> list[str]:
    """Which distributions have another version now than when the bundle was written."""
    changed = {}
    for need in needs:
        offer = plugins.get(need.kind, need.name)
        if offer is not None and offer.version != need.version:
            changed[need.distribution] = (
                f"{need.distribution} is {offer.version}, was {need.version}"
            )
    return list(changed.values())


def parse(text: str, origin: str) -> BundleJson:
    """The content of ``bundle.json``.

    Raises
    ------
    BundleError
        Where it is something else, or of a later format than this version knows.
    """
    try:
        bundle = BundleJson.model_validate(read_json(text, origin))
    except ValidationError as error:
        raise BundleError(f"{origin} is no description of a bundle: {_first(error)}") from error
    if bundle.format > FORMAT:
        raise BundleError(
            f"{origin} has format {bundle.format}; mfclip {version('mfclip')} reads up to "
            f"{FORMAT}. Written by mfclip {bundle.mfclip}: install that version or a later one."
        )
    if bundle.labels != label_map():
        raise BundleError(f"{origin} has the label map {bundle.labels}; known is {label_map()}")
    return bundle


def _or(fallback: str, text: str, pattern: str) -> str:
    """Odd metadata of somebody's plugin must not lose a finished build."""
    return text if re.fullmatch(pattern, text) else fallback


def _offered(need: Need, plugins: Plugins) -> bool:
    offer = plugins.get(need.kind, need.name)
    return offer is not None and (
        need.distribution == UNKNOWN
        or normalise(offer.distribution) == normalise(need.distribution)
    )


def _is_off(need: Need, plugins: Plugins) -> bool:
    return normalise(need.distribution) in map(normalise, plugins.disabled)


def _reason(need: Need, plugins: Plugins) -> str:
    """Why a part is not there although something of that name is installed."""
    if _is_off(need, plugins):
        return " (installed, but not allowed here)"
    for broken in plugins.broken:
        if normalise(broken.distribution) == normalise(need.distribution):
            return f" (installed, but did not load: {broken.reason})"
    offer = plugins.get(need.kind, need.name)
    if offer is not None:
        return f" (installed is another one, of {offer.distribution} {offer.version})"
    return ""


def _advice(need: Need, plugins: Plugins) -> str:
    """What to do about a part that is not there."""
    if _is_off(need, plugins):
        return "see `disabled` and `allowed` under [plugins] in the registry file"
    return need.install


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
