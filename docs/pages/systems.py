"""The page of systems: what each costs, and how sure its description is.

Costs come from the networks themselves, which takes torch: the page is made in a process of its
own, so that whoever writes the other pages never imports it. ``python -m pages.systems`` prints it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pages.markdown import page, prose, table
from pages.origins import ORIGINS

if TYPE_CHECKING:
    from torch import Tensor

    from mfclip.recipe.model import Recipe
    from mfclip.recipe.registry import Assembly, Registry

SET = "paper"
"""The set of the registry that comes first; every other system with an origin follows."""
RECIPE = 'recipe = 1\nname = "one"\nassembly = "{}"\n[data]\nuse = "sample"\n[training]\n'
HEADS = (
    *("System", "From", "M parameters", "GMAC", "pixels", "Needs", "Without that", "Read"),
    *("Inferred", "Unknown, chosen here"),
)
NONE = "–"


def write() -> str:
    """The page, from another process.

    Raises ``CalledProcessError`` where that fails; what it says is on stderr.
    """
    words = [sys.executable, "-m", "pages.systems"]
    place = Path(__file__).parents[1]
    return subprocess.run(words, cwd=place, check=True, stdout=subprocess.PIPE, text=True).stdout


def make() -> str:
    """The page, in this process."""
    from mfclip.recipe.registry import plugins_for, read_registry

    registry = read_registry()
    plugins = plugins_for(registry)
    recipes = {name: _recipe(name, registry, plugins) for name in registry.assemblies}
    named = registry.systems[SET]
    listed = [name for name in named if name in recipes]
    listed += [n for n, one in recipes.items() if n not in named and _is_system(n, one)]
    absent = [f"`{name}`" for name in named if name not in recipes]
    return page(
        "# Systems",
        "The systems that the paper compares itself with, and MFCLIP itself, as they are built "
        "here. Few of them were published with code, and some papers leave much open. So each says "
        "what was *read* in its paper or in a description of it, what was *inferred* from that, "
        "and what is *unknown* and was chosen here. Only the first can be held against the "
        "authors.",
        "Each row is the assembly of that name, with its authors' settings where they are known "
        "(of `cvit` and `clip` with MFCLIP's, as its row says). Parameters are all of them, those "
        "that only training uses included. GMAC are multiply-accumulates, in thousands of "
        "millions, of scoring one image of the given side; text that is read once for all images "
        "does not count, nor does what makes the maps that `dire` reads. *Needs* is what training "
        "takes beside images; *without that* is what the system does where the data lack it: see "
        "[fakes and the photos they were made from]"
        "(../how-to/read-more-than-the-image.md#fakes-and-the-photos-they-were-made-from). "
        "[A benchmark](../how-to/run-a-benchmark.md#many-systems-at-once) of them all is one "
        "command.",
        table(HEADS, [_row(registry.assemblies[name], recipes[name]) for name in listed]),
        f"Not here yet: {', '.join(absent)}." if absent else "",
    )


def _recipe(name: str, registry: Registry, plugins: Any) -> Recipe:
    from mfclip.recipe.read import read_recipe_text

    return read_recipe_text(RECIPE.format(name), name, plugins=plugins, registry=registry)


def _is_system(name: str, recipe: Recipe) -> bool:
    """Whether it is a whole detector that says where it is from, and no small variant."""
    origin = recipe.detector.origin if recipe.detector else None
    return origin is not None and not name.endswith("-small")


def _row(assembly: Assembly, recipe: Recipe) -> list[str]:
    parameters, macs = _cost(recipe)
    origin = (recipe.detector.origin if recipe.detector else None) or ORIGINS[assembly.name]
    told = (origin.supervision, origin.without, origin.read, origin.inferred, origin.unknown)
    size = str(recipe.preprocessing.size)
    head = [f"[`{assembly.name}`](../reference/assemblies.md#{assembly.name})", prose(origin.paper)]
    return [*head, parameters, macs, size, *(prose(text) or NONE for text in told)]


def _cost(recipe: Recipe) -> tuple[str, str]:
    """Millions of parameters, and GMAC of one image, counted on shapes where that works."""
    import torch

    from mfclip.building.plan import prompt_table
    from mfclip.detector.assemble import assemble
    from mfclip.detector.cost import cost, outermost
    from mfclip.errors import MfclipError

    prompts, beside = prompt_table(recipe, None), _beside(recipe)
    try:
        with torch.device("meta"):
            detector = assemble(recipe, prompts)
        parts = cost(detector, recipe.preprocessing.size, 2, 1, beside)
    except (MfclipError, NotImplementedError, RuntimeError):  # it looks at values
        detector = assemble(recipe, prompts)
        parts = cost(detector, recipe.preprocessing.size, 2, 1, beside)
    whole = outermost(parts)
    macs = sum(part.macs for part in whole if part.per == "image")
    return f"{sum(part.parameters for part in whole) / 1e6:.1f}", f"{macs / 1e9:.2f}"


def _beside(recipe: Recipe) -> dict[str, Tensor]:
    """What the network reads beside one image; an empty map where making one needs a file."""
    import torch

    from mfclip.errors import RecipeError

    try:
        return recipe.preprocessor().example()
    except RecipeError:
        side = recipe.preprocessing.size
        return {one.name: torch.zeros(1, 3, side, side) for one in recipe.input or ()}


if __name__ == "__main__":
    print(make(), end="")
