"""Names of the trainings of a choice by kinds left out, for people and for folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfclip.data.kind_folds import KindFold
    from mfclip.recipe.candidates import Candidate


def names_of(folds: Sequence[KindFold]) -> list[str]:
    """How the training of each fold is told."""
    number = len(folds)
    return [f"without {fold.kind!r} ({i} of {number})" for i, fold in enumerate(folds, 1)]


def numbered(candidates: Sequence[Candidate], number: int) -> str:
    """Which of several candidates it is, and its settings; nothing where there is one."""
    if len(candidates) == 1:
        return ""
    candidate = candidates[number - 1]
    return f", candidate {number} of {len(candidates)}: {candidate}"


def slug_of(candidate: Candidate) -> str:
    """A folder's name for a candidate; it does not depend on the others there are."""
    if not candidate.settings:
        return "recipe"
    text = json.dumps(candidate.settings, sort_keys=True)
    return f"candidate-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
