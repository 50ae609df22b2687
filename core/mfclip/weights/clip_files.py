"""Whether a file holds the towers of CLIP that a part wants, told without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mfclip.parts import BuildContext, Misfit
from mfclip.weights.clip_names import EXPECTED, Tower, tower_names
from mfclip.weights.files import absent, located
from mfclip.weights.names import WeightName


def absent_tower(
    weights: WeightName | Path | None, towers: Mapping[Tower, str], context: BuildContext
) -> Iterator[Misfit]:
    """A misfit of the field ``weights`` where they are wanted and not there, cannot be read, or
    hold nothing of one of the towers, each of which is given with what else could be done then.
    Reads the names of the tensors alone.
    """
    wrong = list(absent(weights, context))
    yield from wrong
    if wrong or weights is None or not context.pretrained:
        return
    try:
        with safe_open(located(weights), framework="np") as opened:
            keys = list(opened.keys())
    except (OSError, SafetensorError) as error:
        yield Misfit("weights", f"cannot read the weights {str(weights)!r}: {error}")
        return
    for tower, advice in towers.items():
        if not tower_names(keys, tower):
            told = f"{str(weights)!r} holds no {tower} tower; name {EXPECTED}{advice}"
            yield Misfit("weights", told)
