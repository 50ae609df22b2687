"""What training sets are called in tables, and as parts of files' names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfclip.bench.experiments import Experiment
    from mfclip.bench.selections import Where


def shown(name: str) -> str:
    """A label as tables show it: the empty one has no name."""
    return name or "(unnamed)"


def slug_of(name: str) -> str:
    """A name in letters that every file system takes: ``Stable Diffusion 2.1`` with dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.") or "unnamed"


def slug(fakes: Iterable[Where]) -> str:
    """``generator-efs-flux.1`` for a generator inside a forgery type; ``all`` for all fakes.

    ``generator-without-flux.1`` for all but this generator.
    """
    where = list(fakes)
    if not where:
        return "all"
    words = (where[-1].column, *(shown(one.words) for one in where))
    return "-".join(map(slug_of, words))


def apart(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The same with slugs that no two share: names may differ only in what a slug cannot hold."""
    seen: Counter[str] = Counter()
    found = []
    for one in experiments:
        seen[one.slug] += 1
        again = f"-{seen[one.slug]}" if seen[one.slug] > 1 else ""
        found.append(one.model_copy(update={"slug": one.slug + again}))
    return found


def full(block: str, name: str) -> str:
    """A training or test set with its block, where there are several."""
    return f"{block} {name}".strip()
