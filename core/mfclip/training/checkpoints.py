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

from mfclip.errors import TrainingError
from mfclip.files import replace_file, write_text
from mfclip.training.state import RunState

FORMAT = 1
STATE = "state.json"
HISTORY = "history.jsonl"
LOGS = "tensorboard"
LEFTOVERS = ("last-*.safetensors", "best-*.safetensors", ".*.safetensors.*.new", ".*.json*.new")


@dataclass(frozen=True)
class Checkpoint:
    """What ``state.json`` holds: where the run stands, and which files belong to it."""

    state: RunState
    last: str
    """File of the newest weights and Adam's moments."""
    best: str | None
    """File of the best epoch's detector; None before the first epoch's end."""
    finished: bool
    fingerprint: dict[str, Any]
    """What must be the same for the run to go on."""


class CheckpointFolder:
    """Reads and writes the checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(file, error) from error

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Tensors of one of the checkpoint's files.

        Raises
        ------
        TrainingError
            Where the file is missing or damaged.
        """
        file = self.folder / name
        try:
            return load_file(file)
        except (OSError, SafetensorError) as error:
            raise _damaged(file, error) from error

    def write(
        self,
        state: RunState,
        last: Mapping[str, Tensor],
        best: Mapping[str, Tensor] | str | None,
        *,
        finished: bool,
        fingerprint: Mapping[str, Any],
    ) -> Checkpoint:
        """Write a generation: ``last`` always, ``best`` where it is new tensors and no name.

        Raises
        ------
        TrainingError
            Where writing fails; the generation before is then still whole.
        """
        try:
            return self._write(state, last, best, finished, fingerprint)
        except (OSError, SafetensorError) as error:
            self._prune()
            raise TrainingError(
                f"the checkpoint of step {state.step} could not be written to {self.folder}: "
                f"{error}; the one before is intact: make room, then go on with --resume"
            ) from error

    def clear(self) -> None:
        """Remove the run: its checkpoints, history and TensorBoard events, and nothing else."""
        for name in (STATE, HISTORY):
            (self.folder / name).unlink(missing_ok=True)
        for events in (self.folder / LOGS).glob("events.out.tfevents.*"):
            events.unlink()
        self._prune()

    def _write(
        self,
        state: RunState,
        last: Mapping[str, Tensor],
        best: Mapping[str, Tensor] | str | None,
        finished: bool,
        fingerprint: Mapping[str, Any],
    ) -> Checkpoint:
        self.folder.mkdir(parents=True, exist_ok=True)
        last_name = f"last-{state.step:09d}-{state.epoch:04d}.safetensors"
        _write_tensors(self.folder / last_name, last)
        if isinstance(best, Mapping):
            best_name = f"best-{state.epoch:04d}.safetensors"
            _write_tensors(self.folder / best_name, best)
            best = best_name
        made = Checkpoint(state, last_name, best, finished, dict(fingerprint))
        lines = "".join(record.as_line() + "\n" for record in state.history)
        write_text(self.folder / STATE, json.dumps(_to_dict(made), indent=1))
        write_text(self.folder / HISTORY, lines)
        self._prune()
        return made

    def _prune(self) -> None:
        """Remove what the newest generation does not name, and what a kill left half-written."""
        newest = self.read()
        kept = {newest.last, newest.best} if newest else set()
        for pattern in LEFTOVERS:
            for file in self.folder.glob(pattern):
                if file.name not in kept:
                    file.unlink(missing_ok=True)


def _to_dict(checkpoint: Checkpoint) -> dict[str, Any]:
    return {**vars(checkpoint), "format": FORMAT, "state": checkpoint.state.to_dict()}


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
