"""Prompts that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, Literal

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.parts import BuildContext, Prompts

SENTENCE = "a photo of a {} face"


class Words(Prompts):
    """Prompts around a given function."""

    use: Literal["words"] = "words"
    """Name of the part."""
    of: ClassVar[Callable[[HierarchicalLabel], Any]] = lambda label: (
        SENTENCE.format(label.label),
        f"made by {label.generator or 'something'}",
    )

    @property
    def sentences(self) -> int:
        return 2

    def build(self, context: BuildContext) -> Any:
        of = type(self).of

        class Renderer:
            def render(self, label: HierarchicalLabel) -> Any:
                return of(label)

        return Renderer()


numbers = count()
BROKEN = [
    ("renders-every-label", lambda lab: (lab.label,), "received .'real',.; expected a tuple of 2"),
    ("renders-every-label", lambda lab: [lab.label] * 2, r"received \['real', 'real'\]"),
    ("renders-every-label", lambda lab: (lab.label, lab.forgery), "an empty sentence for .*real"),
    ("renders-the-same", lambda lab: (lab.label, str(next(numbers))), "differently the second"),
    ("real-and-fake-differ", lambda lab: ("a face", "x" + lab.family), "a real face read the same"),
    ("fits-tokens", lambda lab: (lab.label, "many words " * 60), "122 tokens, 77 are allowed"),
]


@pytest.mark.parametrize(("name", "of", "message"), BROKEN)
def test_broken_prompts_are_caught(caught, name, of, message):
    broken = type("Broken", (Words,), {"of": of, "__module__": __name__})
    caught(name, broken, message, sound=Words)
