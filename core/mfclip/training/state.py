"""Where a run stands: what a checkpoint keeps beside tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mfclip.training.records import EpochRecord


@dataclass
class RunState:
    """Position of a run. The learning rate and all randomness are functions of it."""

    epoch: int = 0
    """Finished epochs, so the index of the running one."""
    batch: int = 0
    """Batches done in the running epoch; always a whole number of groups."""
    step: int = 0
    """Steps of the optimiser since the start."""
    images: int = 0
    """Images seen in the running epoch."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of each loss over these images."""
    seconds: float = 0.0
    """Spent on the running epoch."""
    pseudo_fakes: int = 0
    """Made in the running epoch."""
    history: list[EpochRecord] = field(default_factory=list)
    """The finished epochs."""

    def add(self, losses: Mapping[str, float], images: int) -> None:
        """Count the losses of some images, given as means."""
        self.images += images
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * images

    def means(self) -> dict[str, float]:
        """Of each loss, over the running epoch's images so far."""
        return {name: total / max(self.images, 1) for name, total in self.sums.items()}

    def end_epoch(self, record: EpochRecord) -> None:
        """Go on to the next epoch."""
        self.history.append(record)
        self.epoch += 1
        self.batch, self.images, self.seconds, self.sums = 0, 0, 0.0, {}
        self.pseudo_fakes = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; floats survive exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunState:
        """What :meth:`to_dict` gave."""
        history: Sequence[dict[str, Any]] = values["history"]
        past = [EpochRecord.from_dict(record) for record in history]
        return cls(**{**values, "history": past})
