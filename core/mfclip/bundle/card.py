"""The model card of a bundle: ``README.md``, for people who find the folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mfclip.metrics.results import METRICS
from mfclip.text import markdown
from mfclip.weights.known import KNOWN

if TYPE_CHECKING:
    from mfclip.bundle.contents import BundleContents
    from mfclip.bundle.description import BundleJson

_LOAD = "## How to load"
LIMITS = (
    "It knows the kinds of forgery that it was trained on. On generators, cameras and "
    "compressions that it has not seen, expect it to be worse than its figures on the test split, "
    "and its p_fake to be less well calibrated.",
    "It looks at one whole picture of a face. It does not find faces in a larger picture, does "
    "not say which region was changed, and a picture without a face gets a figure that means "
    "nothing.",
    "A verdict is a statistical estimate, no proof. Do not use it alone to decide about a person.",
)
"""What a detector of ready crops should not be trusted with."""


def limits(*, finds_faces: bool) -> tuple[str, ...]:
    """What a detector should not be trusted with, as it finds the faces of pictures or does not."""
    kinds, _, proof = LIMITS
    return (kinds, proof) if finds_faces else LIMITS


def model_card(contents: BundleContents, about: BundleJson) -> str:
    """The card as Markdown: what it is, intended use, training data, figures, limits, loading.

    Names that the recipe and the data bring along are shown as they are: no markup of theirs acts.
    """
    sections = {
        f"# {markdown(contents.recipe.name)}": _what(contents, about),
        "## Intended use": [
            "Triage and research: to rank pictures of faces by how likely they are forged, with "
            "a person who looks at what it flags.",
        ],
        "## Training data": _data(contents, about),
        "## Figures on the test split": list(_figures(contents.metrics)),
        "## Limits": [f"* {limit}" for limit in limits(finds_faces=_finds_faces(contents))],
        _LOAD: _loading(about),
    }
    return "\n\n".join("\n".join([title, "", *lines]) for title, lines in sections.items()) + "\n"


def _finds_faces(contents: BundleContents) -> bool:
    return contents.recipe.preprocessing.faces is not None


def _what(contents: BundleContents, about: BundleJson) -> list[str]:
    recipe = contents.recipe
    parts = [
        f"{need.kind} `{need.name}` ({need.distribution} {need.version})" for need in about.needs
    ]
    trained = "A face-forgery detector" if about.seed is not None else "An **untrained** detector"
    sides = "with" if about.text_side else "without"
    return [
        f"{trained}: a picture of a face in, `p_fake` (0-1) and a verdict out. "
        f"Input {recipe.preprocessing.size}×{recipe.preprocessing.size} pixels, RGB. "
        f"Assembly: {markdown(recipe.assembly or 'none')}. Stored {sides} its text side, which "
        "only training uses.",
        "",
        f"Made of {', '.join(parts) or 'no recorded parts'}; by mfclip {about.mfclip}, "
        f"torch {about.torch}. The whole recipe is in `recipe.toml`.",
        *(
            f"`{base.place}` started from the weights {markdown(base.name)} "
            f"(sha256 `{base.sha256[:16]}…`)."
            for base in about.bases
        ),
    ]


def _data(contents: BundleContents, about: BundleJson) -> list[str]:
    if not about.data_fingerprint:
        return ["None."]
    counts = ", ".join(f"{count} {split}" for split, count in contents.images.items())
    source = f"`{contents.recipe.data.use}`" if contents.recipe.data else "given by the caller"
    lines = [f"Data set {source}; images: {counts or 'not recorded'}."]
    lines += [f"Fingerprint of the manifest: `{about.data_fingerprint}`. Seed: {about.seed}."]
    if contents.prompts is not None:
        names = sorted({label.generator for label in contents.prompts.labels} - {""})
        lines += [f"Generators: {', '.join(map(markdown, names)) or 'not named'}."]
    return lines + _choice(about)


def _choice(about: BundleJson) -> list[str]:
    """How it was chosen, where that was by kinds left out."""
    by = about.chosen_by
    if by is None:
        return []
    kinds = ", ".join(map(markdown, by.kinds))
    setting = f" and the setting, one of {by.candidates}," if by.candidates > 1 else ""
    return [
        f"The epoch ({by.epoch}){setting} was chosen by detectors that were trained without one "
        f"{by.left_out} and judged by it, for each of {kinds}: mean AUC {by.auc:.4f}. Temperature "
        "and thresholds are fitted on their scores."
    ]


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    rows = [(name, value) for name, value in _overall(metrics).items() if _is_interval(value)]
    if not rows:
        yield "Not measured."
        return
    labels = {metric.field: metric.label for metric in METRICS}
    yield from ("| metric | value | interval |", "|---|---|---|")
    for name, value in rows:
        label = labels.get(name) or markdown(name)
        yield f"| {label} | {_number(value['value'])} | {_span(value)} |"


def _overall(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures over the whole test split."""
    overall = metrics.get("overall", metrics)
    return overall if isinstance(overall, Mapping) else {}


def _is_interval(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys()


def _span(value: Mapping[str, Any]) -> str:
    return f"{_number(value['low'])} to {_number(value['high'])}"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) and value == value else "undefined"


def _loading(about: BundleJson) -> list[str]:
    needed = sorted({f"{need.distribution}=={need.version}" for need in about.needs})
    light = bool(about.from_bases)
    return [
        *(_light(about) if light else ()),
        "```bash",
        f"pip install {' '.join(needed) or f'mfclip=={about.mfclip}'}",
        *(f"mfclip weights get {name}" for name in _to_get(about) if light),
        "mfclip score . picture.jpg",
        "```",
        "",
        "```python",
        "from mfclip.inference.loaded import load",
        "",
        'for score in load(".").score(["picture.jpg"]):',
        "    print(score.p_fake, score.verdict)",
        "```",
    ]


def card_of(card: str, about: BundleJson) -> str:
    """A card as it was, with how to load what is told here; no other text of it changes."""
    before, title, _ = card.rpartition(f"{_LOAD}\n")
    return "\n".join([f"{before}{title}", *_loading(about)]) + "\n" if title else card


def _light(about: BundleJson) -> list[str]:
    names = ", ".join(sorted({markdown(base.name) for base in about.bases}))
    return [
        f"The bundle is light: {len(about.from_bases)} of its tensors are those of the pretrained "
        f"weights that it started from ({names}), which have to be on the machine. `mfclip bundle "
        "whole` makes one that needs none.",
        "",
    ]


def _to_get(about: BundleJson) -> list[str]:
    return sorted({base.name for base in about.bases} & KNOWN.keys())
