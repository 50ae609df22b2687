"""What a build tells whoever watches it. The command line shows it; tests stay silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mfclip.data.audit import Audit
    from mfclip.detector.cost import PartCost
    from mfclip.training.progress import TrainingProgress


class BuildEvents(Protocol):
    """Called in the order in which things happen."""

    @property
    def training(self) -> TrainingProgress:
        """Watcher of the training loop."""

    def stage(self, title: str) -> None:
        """A new stage begins."""

    def step(self, done: int, total: int) -> None:
        """Progress inside the stage, in images or files."""

    def audit(self, audit: Audit) -> None:
        """The data check has ended."""

    def note(self, text: str) -> None:
        """Something to know before the training."""

    def parts(self, costs: Sequence[PartCost]) -> None:
        """The detector is assembled."""


class Silent:
    """Watches a build and says nothing."""

    @property
    def training(self) -> TrainingProgress:
        """A silent watcher too."""
        from mfclip.training.progress import SilentProgress

        return SilentProgress()

    def stage(self, title: str) -> None:
        """Nothing."""

    def step(self, done: int, total: int) -> None:
        """Nothing."""

    def audit(self, audit: Audit) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def parts(self, costs: Sequence[PartCost]) -> None:
        """Nothing."""
