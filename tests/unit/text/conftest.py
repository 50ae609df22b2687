"""A small encoder in float64, and real prompts for it."""

from collections.abc import Callable

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from mfclip.data.labels import HierarchicalLabel
from mfclip.parts import BuildContext
from mfclip_text.encoder import FineGrainedLanguageEncoder
from mfclip_text.parts import HierarchicalPrompts

LABELS = (
    HierarchicalLabel("real"),
    HierarchicalLabel("fake", "EFS", "diffusion", "LatDiff"),
    HierarchicalLabel("fake", "FS", "GAN", "a swapper with a rather long name, version 2.0.1"),
    HierarchicalLabel("fake", "AM"),
)


@pytest.fixture(scope="session")
def tokenise() -> Callable[..., Tensor]:
    """Sentences of several prompts -> (K, S, 77)."""
    tokenizer = SimpleTokenizer()

    def run(prompts: list[tuple[str, ...]]) -> Tensor:
        return torch.stack([tokenizer(list(sentences)) for sentences in prompts])

    return run


@pytest.fixture(scope="session")
def sentences() -> list[tuple[str, ...]]:
    """Four prompts of four sentences."""
    renderer = HierarchicalPrompts().build(BuildContext())
    return [renderer.render(label) for label in LABELS]


@pytest.fixture(scope="session")
def tokens(tokenise: Callable[..., Tensor], sentences: list[tuple[str, ...]]) -> Tensor:
    """The same prompts, (4, 4, 77)."""
    return tokenise(sentences)


@pytest.fixture
def encoder() -> FineGrainedLanguageEncoder:
    """Two blocks of width 8, in float64, always with the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = FineGrainedLanguageEncoder(sentences=4, width=8, heads=2, layers=2, mlp=16)
    return module.double()
