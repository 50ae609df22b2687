"""The bundle: one folder with everything needed to use a detector, and no pickle in it.

``bundle.json`` what it is and what it needs; ``model.safetensors`` the weights; ``recipe.toml``
the recipe with every default filled in; ``prompts.json`` the prompt table; ``metrics.json`` the
test figures; ``README.md`` the model card; and whatever else the writer adds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.bundle.card import model_card
from mfclip.bundle.contents import BundleContents, Size
from mfclip.bundle.description import (
    BundleJson,
    changed_versions,
    label_map,
    parse,
    require,
    require_listed,
    versions,
)
from mfclip.bundle.json_text import read_json
from mfclip.bundle.light import (
    files_of,
    given_by_bases,
    slots_left_out,
    tensors_of,
    with_bases,
)
from mfclip.bundle.limits import no_more_than
from mfclip.bundle.weights import load_weights, save_weights
from mfclip.detector.assemble import assemble
from mfclip.detector.base import DetectorModule
from mfclip.detector.model import VisionLanguageDetector
from mfclip.errors import BundleError, UsageError
from mfclip.files import replace_folder, settled, sha256
from mfclip.metrics.familiar import Familiar

if TYPE_CHECKING:
    from mfclip.data.prompts import PromptTable
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe
    from mfclip.recipe.registry import Registry

DESCRIPTION, WEIGHTS, RECIPE = "bundle.json", "model.safetensors", "recipe.toml"
PROMPTS, METRICS, CARD = "prompts.json", "metrics.json", "README.md"
FAMILIAR = "familiar.safetensors"
"""What the training images were like, where the recipe asked for it."""
LARGEST_TEXT = 16 * 2**20
"""Bytes that a text file of a bundle may have; the prompt table of 1,000 labels has 1 MiB."""
OWN = (DESCRIPTION, WEIGHTS, RECIPE, PROMPTS, METRICS, CARD)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked. Its weights are not loaded yet."""

    folder: Path
    """Where it lies."""
    about: BundleJson
    """The content of ``bundle.json``."""
    recipe: Recipe
    """Every default filled in."""
    prompts: PromptTable | None
    """The prompt table, where there is one."""
    metrics: Mapping[str, Any]
    """Test figures; empty where there was no test."""
    changes: tuple[str, ...] = ()
    """Distributions with another version now than when the bundle was written."""

    def familiar(self) -> Familiar | None:
        """What the training images were like, where it is known. Raises :class:`BundleError`."""
        if FAMILIAR not in self.about.files:
            return None
        return Familiar.load(file_inside(self.folder, FAMILIAR))

    def detector(self, *, text_side: bool | None = None) -> DetectorModule:
        """The detector with its weights, in evaluation mode, on the CPU.

        ``text_side``: whether with text encoder, predictor and alignment; by default where the
        bundle has them. Scoring needs none of them.

        Raises
        ------
        BundleError
            Where the weights do not fit the installed parts, lack the text side asked for, or are
            far fewer than the recipe beside them asks for; where pretrained weights that a light
            bundle counts on are absent or others.
        """
        wanted = self.about.text_side if text_side is None else text_side
        if wanted and not self.about.text_side:
            raise BundleError(f"{self.folder} was saved without its text side; it can only score")
        weights, given = file_inside(self.folder, WEIGHTS), self.about.from_bases
        slots = slots_left_out(given, self.about.bases, str(self.folder))
        if not wanted:
            slots -= {*VisionLanguageDetector.TRAINING_ONLY}
        recipe = with_bases(self.recipe, self.about.bases, slots)
        with no_more_than(weights, *files_of(recipe, slots)):
            detector = assemble(recipe, self.prompts, pretrained=slots, text_side=wanted)
        left_out = () if wanted else detector.TRAINING_ONLY
        try:
            load_weights(weights, detector, without=left_out, from_bases=given)
        except BundleError as error:
            raise BundleError("\n".join([str(error), *self.changes])) from error
        return detector.eval()


def write_bundle(
    folder: Path, contents: BundleContents, *, text_side: bool = True, light: bool = False
) -> Size:
    """Write a bundle; an earlier one in its place goes only once the new one is complete.

    Returns how large its weights are.

    Parameters
    ----------
    text_side
        False: leave the weights of text encoder, predictor and alignment out. Such a bundle
        scores as any other and cannot be trained further.
    light
        Leave out the tensors that the parts have from pretrained weights: a few hundred KB in place
        of hundreds of MB, but the same weights are needed wherever it is loaded.

    Raises
    ------
    UsageError
        Where ``folder`` holds anything that is not of a bundle: it would be lost.
    BundleError
        Where the disk is full or cannot be written; what was there before is untouched.
    """
    check_destination(folder)
    text_side = text_side and contents.detector.has_training_only
    try:
        with replace_folder(folder) as staged:
            return _fill(staged, contents, text_side, light)
    except OSError as error:
        raise BundleError(
            f"could not write the bundle {folder}: {error}; what was there before is untouched"
        ) from error


def check_destination(folder: Path) -> None:
    """Raise :class:`UsageError` unless ``folder`` is absent, empty, or nothing but a bundle.

    Worth calling before a long training, not only after it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; a bundle is a folder")
    known = _known_files(folder)
    foreign = sorted(
        name
        for path in folder.rglob("*")
        if not path.is_dir() and (name := path.relative_to(folder).as_posix()) not in known
    )
    if foreign:
        raise UsageError(
            f"{folder} holds files that are not of a bundle and would be lost, such as "
            f"{foreign[0]!r} ({len(foreign)} in all); choose another folder or move them away"
        )


def read_bundle(
    folder: Path, *, plugins: Plugins | None = None, registry: Registry | None = None
) -> Bundle:
    """Read a bundle and check it: format, weights, parts.

    Nothing but what installed plugins offer is ever imported or run, and no file outside the
    folder is read, whatever is written in there.

    Parameters
    ----------
    plugins
        What may be used; by default the installed plugins that ``registry`` lets in.

    Raises
    ------
    BundleError
        Where the folder is no bundle, is of a later format, has other weights than were
        written, or needs parts that are not installed (the text says how to get them).
    RecipeError
        Where the recipe in it is wrong, with file and line.
    """
    from mfclip.recipe.read import read_recipe_text
    from mfclip.recipe.registry import plugins_for, read_registry

    folder = settled(folder)
    about = parse(text_of(folder, DESCRIPTION), str(folder / DESCRIPTION))
    registry = read_registry() if registry is None else registry
    plugins = plugins_for(registry) if plugins is None else plugins
    require(about.needs, plugins, str(folder))
    _check_weights(folder, about)
    recipe = read_recipe_text(
        text_of(folder, RECIPE), str(folder / RECIPE), plugins=plugins, registry=registry
    )
    require_listed(recipe, about.needs, str(folder))
    return Bundle(
        folder=folder,
        about=about,
        recipe=recipe,
        prompts=_read_prompts(folder, about),
        metrics=_read_json(folder, METRICS) if METRICS in about.files else {},
        changes=tuple(changed_versions(about.needs, plugins)),
    )


def _fill(staged: Path, contents: BundleContents, text_side: bool, light: bool) -> Size:
    """Write every file; ``bundle.json`` comes last, because it lists the others."""
    from mfclip.recipe.render import to_toml

    taken = sorted(set(contents.files) & set(OWN))
    if taken:
        raise UsageError(f"{taken[0]!r} is a name of the bundle's own; give the file another")
    left_out = () if text_side else contents.detector.TRAINING_ONLY
    given = _given(contents, text_side) if light else {}
    digest = save_weights(staged / WEIGHTS, contents.detector, without=left_out, from_bases=given)
    files: dict[str, str | bytes | Path] = dict(contents.files)
    files[RECIPE] = to_toml(contents.recipe)
    if contents.prompts is not None:
        files[PROMPTS] = contents.prompts.to_json()
    if contents.metrics:
        files[METRICS] = _json(contents.metrics)
    files[CARD] = ""  # the card names the bundle's files, itself among them
    names = tuple(sorted({*files, WEIGHTS, DESCRIPTION}))
    about = _describe(contents, digest, names, text_side, given)
    files[CARD] = model_card(contents, about)
    files[DESCRIPTION] = about.model_dump_json(indent=2)
    for name, content in files.items():
        _put(staged / name, content)
    return size_of(staged / WEIGHTS, contents.detector, given)


def size_of(weights: Path, detector: DetectorModule, given: Collection[str]) -> Size:
    """Of a file of weights, and of what was left out of it."""
    own = tensors_of(detector)
    return Size(weights.stat().st_size, sum(own[name].nbytes for name in given))


def _given(contents: BundleContents, text_side: bool) -> dict[str, str]:
    bases, prompts = contents.bases, contents.prompts
    return given_by_bases(contents.detector, contents.recipe, prompts, bases, text_side=text_side)


def _describe(
    contents: BundleContents,
    digest: str,
    names: tuple[str, ...],
    text_side: bool,
    given: Mapping[str, str],
) -> BundleJson:
    return BundleJson(
        **versions(),
        needs=contents.needs,
        bases=contents.bases,
        from_bases=given,
        labels=label_map(),
        preprocessing=contents.recipe.preprocessing,
        operating=contents.operating,
        chosen_by=contents.chosen_by,
        precision=contents.precision,
        text_side=text_side,
        weights_sha256=digest,
        data_fingerprint=contents.fingerprint,
        seed=contents.seed,
        files=names,
    )


def _put(path: Path, content: str | bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        content = content.read_bytes()
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _known_files(folder: Path) -> set[str]:
    """What an earlier bundle says it holds; empty for anything else."""
    try:
        return set(parse(text_of(folder, DESCRIPTION), str(folder)).files)
    except BundleError:
        return set()


def _check_weights(folder: Path, about: BundleJson) -> None:
    found = sha256(file_inside(folder, WEIGHTS))
    if found != about.weights_sha256:
        raise BundleError(
            f"{folder / WEIGHTS} is not what was written: its sha256 is {found}, bundle.json "
            f"says {about.weights_sha256}. Copy the bundle again, or build it anew."
        )


def _read_prompts(folder: Path, about: BundleJson) -> PromptTable | None:
    from mfclip.data.prompts import PromptTable

    if PROMPTS not in about.files:
        return None
    text = text_of(folder, PROMPTS)
    read_json(text, str(folder / PROMPTS))  # refuses what the table's own reader would not
    return PromptTable.from_json(text)


def _read_json(folder: Path, name: str) -> Mapping[str, Any]:
    return read_json(text_of(folder, name), str(folder / name))


def text_of(folder: Path, name: str) -> str:
    """A text file of the bundle. Raises :class:`BundleError` where it is none, or too large."""
    path = file_inside(folder, name)
    size = path.stat().st_size
    if size > LARGEST_TEXT:
        raise BundleError(f"{path} is damaged: {size} bytes; at most {LARGEST_TEXT} are read")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is damaged: it is not UTF-8 text") from error


def file_inside(folder: Path, name: str) -> Path:
    """A file of the bundle; links that lead out of the folder are refused."""
    path = folder / name
    if not path.is_file():
        raise BundleError(
            f"{folder} is no bundle: it has no {name}. A bundle is the folder that "
            "mfclip-build writes."
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{path} is a link that leads out of the bundle; refused")
    return path


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """The same with null for what JSON cannot say: an undefined metric must not lose a build."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
