"""``mfclip compare``: is one detector better than another on the same images?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SCORES = ("scores-test.csv", "scores.csv")
"""What mfclip-build and mfclip evaluate --out call their scores."""
FOLDER = "Folder that mfclip-build or mfclip evaluate --out wrote, or a scores file."


def compare(
    first: Annotated[Path, typer.Argument(metavar="BUNDLE", help=FOLDER)],
    second: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The other one.")],
    resamples: Annotated[
        int, typer.Option(min=100, help="Resamples behind each interval and p-value.")
    ] = 2000,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Coverage of each interval.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare two detectors by their stored scores of the same test images.

    Each AUC, the difference with its interval, and p-values: overall, by group and by generator.
    Identities and videos are kept whole. Nothing is scored anew.
    """
    from mfclip.evaluation.compare import compare as compared
    from mfclip.evaluation.compare_markdown import render
    from mfclip.metrics.scores import read_scores
    from mfclip.recipe.settings import EvaluationSettings

    settings = EvaluationSettings(bootstrap=resamples, confidence=confidence, seed=seed)
    tables = [read_scores(_scores_of(place)) for place in (first, second)]
    compared_tables = compared(tables[0], tables[1], settings, (str(first), str(second)))
    precisions = (_precision_of(first), _precision_of(second))
    found = compared_tables.model_copy(update={"precisions": precisions})
    typer.echo(found.model_dump_json(indent=2) if as_json else render(found))


def _scores_of(place: Path) -> Path:
    """The scores file of a folder, or the file itself."""
    from mfclip.errors import BundleError, UsageError

    if place.is_file():
        return place
    if not place.is_dir():
        raise UsageError(f"{place}: there is no such folder or file")
    found = [place / name for name in SCORES if (place / name).is_file()]
    if not found:
        raise BundleError(
            f"{place} holds no scores ({' or '.join(SCORES)}): an untrained bundle has none; "
            "mfclip evaluate --out writes them"
        )
    return found[0]


def _precision_of(place: Path) -> str:
    """The arithmetic that a folder's figures were made in; empty where they do not say."""
    import json

    file = place / "metrics.json"
    if not file.is_file():
        return ""
    try:
        told = json.loads(file.read_text(encoding="utf-8")).get("precision", "")
    except (ValueError, AttributeError):
        return ""
    return told if told in ("fp32", "bf16") else ""
