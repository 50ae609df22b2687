"""Text encoders that do not read their whole prompt, and the check that notices."""

from __future__ import annotations

from typing import Literal

import pytest

from mfclip.parts import BuildContext, TextEncoder


class Scribe(TextEncoder):
    """Averages the words of some sentences."""

    use: Literal["scribe"] = "scribe"
    """Name of the part."""
    first: int = 0
    """First sentence that is read."""
    last: int = 4
    """The sentence behind the last one that is read."""

    @property
    def width(self) -> int:
        return 8

    def build(self, context: BuildContext):
        from torch import nn

        part = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.words = nn.Embedding(49408, 8)

            def forward(self, tokens):
                return self.words(tokens[:, part.first : part.last]).mean((1, 2))

        return Net()


BROKEN = [
    ("every-sentence-read", Scribe(first=1), "sentence 1 of 2 is not read"),
    ("every-sentence-read", Scribe(last=1), "sentence 2 of 2 is not read"),
]


@pytest.mark.parametrize(("name", "part", "message"), BROKEN)
def test_a_broken_text_encoder_is_caught(caught, name, part, message):
    caught(name, part, message, sound=Scribe)
