"""Whether every part inside a detector gives what it declares, looked at once before training.

The forward pass compares only what its own parts return. An encoder inside another one could
give a shape that broadcasts and so does harm unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from mfclip.detector.contracts import expect_outputs, expect_similarity, expect_tensor
from mfclip.parts import Alignment, Detector, Encoder, Part
from mfclip.recipe.slots import parts_within

if TYPE_CHECKING:
    from mfclip.detector.base import DetectorModule
    from mfclip.recipe.model import Recipe

Hook = Callable[[nn.Module, Any, object], None]


@contextmanager
def checking_shapes(detector: DetectorModule, recipe: Recipe) -> Iterator[None]:
    """While in here, every part of the recipe is held to its contract as it runs.

    A part is found by its place in the recipe: ``vision.image`` is the attribute ``image`` of
    the vision encoder's module. One that is kept under another name is not looked at.

    Raises
    ------
    PluginError
        Out of the forward pass, naming the part, what it returned and what was expected.
    """
    inside = detector.parts()
    with ExitStack() as hooks:
        for path, part in parts_within(recipe):
            place = ".".join(map(str, path))
            module = inside.get(place)
            hook = _check(part, detector.labels.get(place, place))
            if module is not None and hook is not None:
                hooks.callback(module.register_forward_hook(hook).remove)
        yield


def _check(part: Part, label: str) -> Hook | None:
    """What to look at after each forward pass of the part's module."""
    if isinstance(part, Encoder):
        return partial(_check_embedding, part.width, label)
    if isinstance(part, Alignment):
        return lambda _, given, returned: expect_similarity(returned, len(given[0]), label)
    if isinstance(part, Detector):
        return partial(_check_outputs, label)
    return None


def _check_embedding(width: int, label: str, _: nn.Module, given: Any, returned: object) -> None:
    shape = (len(given[0]), width)
    expect_tensor(returned, shape, label, "one embedding of the declared width an input")


def _check_outputs(label: str, _: nn.Module, given: Any, returned: object) -> None:
    expect_outputs(returned, len(given[0]), label)
