"""A detector that promises more than it gives."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
from torch import nn

from mfclip.detector.outputs import Outputs
from mfclip.parts import BuildContext, Detector, OutputName


class Whole(Detector):
    """A detector that gives its features too."""

    gives: ClassVar[frozenset[OutputName]] = frozenset({"logits", "visual"})

    use: Literal["whole"] = "whole"
    """Name of the part."""
    features: bool = True
    """Whether it really does."""

    def build(self, context: BuildContext) -> nn.Module:
        part = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = nn.Linear(3, 2)

            def forward(self, images):
                features = images.mean((2, 3))
                visual = features if part.features else None
                return Outputs(logits=self.head(features), visual=visual)

        return Net()


BROKEN = [("gives-in-training", Whole(features=False), "absent in training: visual")]


@pytest.mark.parametrize(("name", "part", "message"), BROKEN)
def test_a_broken_detector_is_caught(caught, name, part, message):
    caught(name, part, message, sound=Whole)
