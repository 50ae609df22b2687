"""Checks of prompts: what turns labels into sentences."""

from __future__ import annotations

from itertools import product

from mfclip.data.labels import HierarchicalLabel
from mfclip.errors import RecipeError
from mfclip.testing.faults import Fault
from mfclip.testing.subject import Subject

REAL = HierarchicalLabel("real")
"""A real face: it has no finer level."""
LABELS = (
    REAL,
    *(
        HierarchicalLabel("fake", forgery, family, generator)
        for forgery, family, generator in product(
            ("", "EFS", "AM", "FS", "other"), ("", "diffusion", "GAN"), ("", "Diffae", "style-3 x")
        )
    ),
)
"""Every shape of label: each level there or not, known words and unknown ones."""


def renders_every_label(subject: Subject) -> None:
    """Each label, whatever levels it lacks, becomes S sentences that are not empty."""
    wanted = getattr(subject.part, "sentences", None)
    for label in LABELS:
        sentences = subject.built.render(label)
        texts = isinstance(sentences, tuple) and all(isinstance(s, str) for s in sentences)
        if not texts or len(sentences) != wanted:
            raise Fault(
                f"wrong sentences for {label}",
                received=repr(sentences),
                expected=f"a tuple of {wanted} strings, as `sentences` says",
            )
        if not all(sentence.strip() for sentence in sentences):
            raise Fault(
                f"an empty sentence for {label}",
                received=repr(sentences),
                advice="give a neutral sentence where a level is not known",
            )


def renders_the_same(subject: Subject) -> None:
    """A label gets the same sentences again, also from a second build."""
    other = subject.build(seed=1)
    for label in LABELS:
        first = subject.built.render(label)
        for again in (subject.built.render(label), other.render(label)):
            if again != first:
                raise Fault(
                    f"{label} reads differently the second time",
                    received=repr(again),
                    expected=repr(first),
                )


def real_and_fake_differ(subject: Subject) -> None:
    """No fake face reads like a real one."""
    real = subject.built.render(REAL)
    for label in LABELS[1:]:
        if subject.built.render(label) == real:
            raise Fault(f"{label} and a real face read the same", received=repr(real))


def fits_tokens(subject: Subject) -> None:
    """Every sentence fits CLIP's 77 tokens and holds none of its control tokens."""
    from mfclip.data.prompts import PromptTable

    try:
        PromptTable.make(LABELS, subject.built)
    except RecipeError as error:
        raise Fault(f"its sentences cannot be tokenised: {error}") from error
