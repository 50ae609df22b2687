"""Checkpoints: a folder in which one generation is complete at every moment.

``state.json`` names the tensor files that belong to it and is replaced last and atomically, so
a kill or a full disk leaves the generation before. Files of other generations are removed after.
No pickle: tensors are safetensors, all else is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mfclip.errors import TrainingError, UsageError
from mfclip.files import replace_file, write_text
from mfclip.training.records import kept_epoch
from mfclip.training.state import RunState

FORMAT = 1
STATE = "state.json"
HISTORY = "history.jsonl"
LOGS = "tensorboard"
LEFTOVERS = ("last-*.safetensors", "best-*.safetensors", ".*.safetensors.*.new", ".*.json*.new")


@dataclass(frozen=True)
class Checkpoint:
    """What ``state.json`` holds; the names of the files that belong to it follow from that."""

    state: RunState
    """Where the run stands."""
    finished: bool
    fingerprint: dict[str, Any]
    """What must be the same for the run to go on."""
    until: int | None = None
    """The epoch to keep and to end with; None: the best one is kept."""

    @property
    def last(self) -> str:
        """File of the newest weights and Adam's moments."""
        return f"last-{self.state.step:09d}-{self.state.epoch:04d}.safetensors"

    @property
    def best(self) -> str | None:
        """File of the kept epoch's detector; None before the end of that epoch."""
        kept = kept_epoch(self.state.history, self.until)
        return f"best-{kept.epoch:04d}.safetensors" if kept else None


class CheckpointFolder:
    """Reads and writes the checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Make the folder. Raises :class:`UsageError` where that cannot be done."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the run's folder {self.folder} cannot be made ({error}); name another one"
            ) from error

    def read(self) -> Checkpoint | None:
        """The newest checkpoint without its tensors; None where there is none.

        Raises
        ------
        TrainingError
            Where it is damaged or of another format.
        """
        file = self.folder / STATE
        if not file.exists():
            return None
        try:
            return _parse(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _damaged(file, error) from error

    def last_tensors(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """Newest weights and Adam's moments. Raises :class:`TrainingError` where unreadable."""
        return self._tensors(checkpoint.last)

    def best_tensors(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """The kept epoch's detector. Raises :class:`TrainingError` where unreadable."""
        if checkpoint.best is None:
            raise TrainingError(f"no epoch has ended in {self.folder} whose weights are kept")
        return self._tensors(checkpoint.best)

    def write(
        self,
        checkpoint: Checkpoint,
        last: Mapping[str, Tensor],
        best: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Write a generation; ``best`` only where the newest epoch is the one to keep.

        Raises
        ------
        TrainingError
            Where writing fails; the generation before is then still whole.
        """
        try:
            self._write(checkpoint, last, best)
        except (OSError, SafetensorError) as error:
            self._prune()
            raise TrainingError(
                f"the checkpoint of step {checkpoint.state.step} could not be written to "
                f"{self.folder}: {error}. The one before is intact: make room, then go on with "
                "--resume"
            ) from error

    def clear(self) -> None:
        """Remove the run: its checkpoints, history and TensorBoard events, and nothing else."""
        for name in (STATE, HISTORY):
            (self.folder / name).unlink(missing_ok=True)
        for events in (self.folder / LOGS).glob("events.out.tfevents.*"):
            events.unlink()
        self._prune()

    def _tensors(self, name: str) -> dict[str, Tensor]:
        file = self.folder / Path(name).name  # a damaged state leads nowhere else
        try:
            return load_file(file)
        except (OSError, SafetensorError) as error:
            raise _damaged(file, error) from error

    def _write(
        self,
        checkpoint: Checkpoint,
        last: Mapping[str, Tensor],
        best: Mapping[str, Tensor] | None,
    ) -> None:
        _write_tensors(self.folder / checkpoint.last, last)
        if best is not None and checkpoint.best is not None:
            _write_tensors(self.folder / checkpoint.best, best)
        write_text(self.folder / STATE, json.dumps(_to_dict(checkpoint), indent=1))
        lines = (record.as_line() + "\n" for record in checkpoint.state.history)
        write_text(self.folder / HISTORY, "".join(lines))
        self._prune()

    def _prune(self) -> None:
        """Remove what the newest generation does not name, and what a kill left half-written."""
        newest = self.read()
        kept = {newest.last, newest.best} if newest else set()
        for pattern in LEFTOVERS:
            for file in self.folder.glob(pattern):
                if file.name not in kept:
                    file.unlink(missing_ok=True)


def _to_dict(checkpoint: Checkpoint) -> dict[str, Any]:
    values = {**vars(checkpoint), "format": FORMAT, "state": checkpoint.state.to_dict()}
    return {name: value for name, value in values.items() if value is not None}


def _parse(values: dict[str, Any]) -> Checkpoint:
    if values.pop("format") != FORMAT:
        raise ValueError("it was written by another version")
    return Checkpoint(**{**values, "state": RunState.from_dict(values["state"])})


def _damaged(file: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"the checkpoint {file} cannot be read ({error}); use --restart to train afresh"
    )


def _write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    with replace_file(file) as staged:
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, staged)
