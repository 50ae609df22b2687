"""From a document, with everything laid over each other, to a recipe. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from mfclip.parts import BuildContext
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.doubt import UNKNOWN, InDoubt
from mfclip.recipe.fit import Fit, parts_of
from mfclip.recipe.messages import Problems
from mfclip.recipe.model import Recipe
from mfclip.recipe.places import Document
from mfclip.recipe.resolve import Resolver

_CONTEXT = {
    "image_size": ("preprocessing", "size"),
    "frames": ("preprocessing", "frames"),
    "sentences": ("prompts", "sentences"),
    "batch_size": ("training", "batch_size"),
}
"""What of which table becomes what of the build context."""


def fill_in(
    document: Document,
    plugins: Plugins,
    problems: Problems,
    defaults: Mapping[str, Any],
    *,
    complete: bool,
    pretrained: bool,
) -> Recipe | None:
    """The recipe of a document with every default; whatever is wrong goes to ``problems``.

    Parameters
    ----------
    defaults
        Keys of the recipe that hold where the document does not have them.
    complete
        False where the assembly is unknown: what is absent may have been meant to come from it.
    pretrained
        Whether parts are checked for the pretrained weights that they start from.
    """
    resolver = Resolver(document, plugins, problems, complete=complete)
    found = resolver.fill(Recipe, {**defaults, **document.tree}, ())
    if complete:
        fit = Fit(parts_of(resolver.built), document, problems, resolver.doubts)
        fit.check()
        fit.check_misfits(_context(resolver, pretrained))
    problems.explain_origins(document)
    return found


def _context(resolver: Resolver, pretrained: bool) -> BuildContext:
    """What the parts are told as far as it is known."""
    context = BuildContext(pretrained=pretrained)
    missed = resolver.doubts.get((), set())
    for field, (table, attribute) in _CONTEXT.items():
        model = resolver.built.get((table,), Recipe.model_fields[table].default)
        if (table,) in resolver.failed or table in missed:
            context = replace(context, **{field: UNKNOWN})
        elif model is not None:
            context = replace(context, **{field: _peek(model, attribute)})
    return context


def _peek(model: BaseModel, attribute: str) -> Any:
    try:
        return getattr(model, attribute)
    except InDoubt:
        return UNKNOWN
