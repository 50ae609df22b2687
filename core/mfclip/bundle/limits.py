"""A recipe must not make us build a detector out of all proportion to the weights beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from mfclip.bundle.weights import sizes
from mfclip.detector.failures import is_out_of_memory
from mfclip.errors import BundleError, MfclipError, RecipeError

FACTOR = 4
"""How much more than the file holds may be built: parts may make things and drop them again."""
SPARE_NUMBERS, SPARE_TENSORS = 100_000_000, 2_000
"""What may be built beside that; 100 million numbers are 400 MB."""


MOST_NUMBERS, MOST_TENSORS = 8_000_000_000, 100_000
"""What a recipe of one's own may ask for: 32 GB of float32, and some ten thousand layers."""


@contextmanager
def no_more_than(weights: Path, *bases: Path) -> Iterator[None]:
    """Within the block, this thread may not build much more than files of weights can fill.

    ``weights`` are a bundle's, ``bases`` what a light one counts on.

    Raises
    ------
    BundleError
        From within the block, where the limit is passed; or where the file cannot be read.
    """
    held = [size for file in (weights, *bases) for size in sizes(file)]
    refusal = BundleError(
        f"{weights} holds {sum(held)} numbers in {len(held)} tensors; the recipe beside "
        "it asks for a detector many times as large. Do not use it, or build it anew."
    )
    numbers = FACTOR * sum(held) + SPARE_NUMBERS
    with _limited(numbers, FACTOR * len(held) + SPARE_TENSORS, refusal):
        yield


@contextmanager
def within_reason() -> Iterator[None]:
    """Within the block, this thread may not build a detector that no machine here could train.

    Raises
    ------
    RecipeError
        From within the block, where the limit is passed or memory ends.
    """
    refusal = RecipeError(
        f"the recipe asks for a detector of more than {MOST_NUMBERS:,} numbers or {MOST_TENSORS:,} "
        "tensors; make its parts narrower or shallower"
    )
    try:
        with _limited(MOST_NUMBERS, MOST_TENSORS, refusal):
            yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise RecipeError(
            "the recipe asks for a detector that does not fit into memory "
            f"({' '.join(str(error).split())}); make its parts narrower or shallower"
        ) from error


@contextmanager
def _limited(numbers: int, tensors: int, refusal: MfclipError) -> Iterator[None]:
    """Raise ``refusal`` as soon as modules register more than that.

    A recipe of a few bytes can ask for a layer of a terabyte or for a billion layers. Tensors
    are counted as modules register them, before most of them are filled, so the memory is not
    touched. Each registration counts; other threads are let be.
    """
    own = threading.get_ident()

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal numbers, tensors
        if threading.get_ident() != own or tensor is None:
            return
        numbers -= _numbers(tensor)
        tensors -= 1
        if min(numbers, tensors) < 0:
            raise refusal

    hooks: list[Any] = [
        register_module_parameter_registration_hook(count),
        register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _numbers(tensor: Tensor) -> int:
    return 0 if isinstance(tensor, nn.UninitializedParameter) else tensor.numel()
