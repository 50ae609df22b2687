from __future__ import annotations

import errno
import json

import pytest
import torch

from mfclip.errors import TrainingError, UsageError
from mfclip.training import checkpoints
from mfclip.training.checkpoints import Checkpoint, CheckpointFolder
from mfclip.training.records import EpochRecord
from mfclip.training.state import RunState


def standing(step: int, *aucs: float, finished: bool = False) -> Checkpoint:
    """A run at ``step`` with these epochs behind it."""
    history = [EpochRecord(n, {}, 1e-4, auc, 0.5, 1.0, 1.0) for n, auc in enumerate(aucs, 1)]
    state = RunState(epoch=len(aucs), batch=1, step=step, history=history)
    return Checkpoint(state, finished, {"training.seed": 0, "note": 1 / 3})


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"w": torch.full((2, 3), value), "half": torch.full((2,), value, dtype=torch.bfloat16)}


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    made = CheckpointFolder(tmp_path / "a" / "run")
    made.make()
    return made


def names(folder: CheckpointFolder) -> set[str]:
    return {path.name for path in folder.folder.iterdir()}


def test_an_empty_folder_holds_no_checkpoint(folder):
    assert folder.read() is None


def test_what_was_written_is_read(folder):
    written = standing(7, 0.5, 0.75)
    folder.write(written, tensors(1.0), tensors(2.0))
    read = folder.read()
    assert read == written
    assert torch.equal(folder.last_tensors(read)["w"], tensors(1.0)["w"])
    assert torch.equal(folder.best_tensors(read)["half"], tensors(2.0)["half"])


def test_the_best_file_stays_while_no_epoch_is_better(folder):
    folder.write(standing(5, 0.9), tensors(1.0), tensors(1.0))
    folder.write(standing(10, 0.9, 0.8), tensors(2.0))
    folder.write(standing(12, 0.9, 0.8), tensors(3.0))
    assert folder.best_tensors(folder.read())["w"][0, 0] == 1.0
    assert folder.last_tensors(folder.read())["w"][0, 0] == 3.0


def test_one_generation_is_kept_and_leftovers_of_a_kill_go(folder):
    for name in (".last-000000004-0000.safetensors.ab12.new", ".state.json.ab12.new"):
        (folder.folder / name).touch()
    (folder.folder / "inputs.json").touch()
    folder.write(standing(5, 0.5), tensors(1.0), tensors(1.0))
    folder.write(standing(10, 0.5, 0.9), tensors(2.0), tensors(2.0))
    assert names(folder) == {
        "last-000000010-0002.safetensors",
        "best-0002.safetensors",
        "state.json",
        "history.jsonl",
        "inputs.json",
    }


def test_history_has_a_line_an_epoch(folder):
    folder.write(standing(10, 0.5, 0.9), tensors(2.0), tensors(2.0))
    lines = (folder.folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["val_auc"] for line in lines] == [0.5, 0.9]


@pytest.mark.parametrize("at", range(1, 5))
def test_a_full_disk_at_any_write_leaves_a_whole_generation(folder, monkeypatch, at):
    """Writes are: last, best, state, history. The third one is what makes the new one count."""
    folder.write(standing(5, 0.5), tensors(1.0), tensors(1.0))
    count = 0

    def full(original):
        def write(*arguments):
            nonlocal count
            count += 1
            if count == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return original(*arguments)

        return write

    with monkeypatch.context() as patch:
        for name in ("save_file", "write_text"):
            patch.setattr(checkpoints, name, full(getattr(checkpoints, name)))
        with pytest.raises(TrainingError, match=r"step 10 .*No space left.*intact.*--resume"):
            folder.write(standing(10, 0.5, 0.9), tensors(2.0), tensors(2.0))
    expected = 1.0 if at < 4 else 2.0
    read = folder.read()
    assert folder.last_tensors(read)["w"][0, 0] == expected
    assert folder.best_tensors(read)["w"][0, 0] == expected
    assert len(names(folder)) == 4


def test_clear_removes_the_run_and_nothing_else(folder):
    folder.write(standing(5, 0.5), tensors(1.0), tensors(1.0))
    logs = folder.folder / "tensorboard"
    logs.mkdir()
    (logs / "events.out.tfevents.1").touch()
    (logs / "mine.txt").touch()
    (folder.folder / "inputs.json").touch()
    folder.clear()
    assert names(folder) == {"tensorboard", "inputs.json"}
    assert [path.name for path in logs.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_state_says_so(folder, text):
    (folder.folder / "state.json").write_text(text)
    with pytest.raises(TrainingError, match=r"state\.json cannot be read.*--restart"):
        folder.read()


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_damaged_tensors_say_so(folder, damage):
    written = standing(5, 0.5)
    folder.write(written, tensors(1.0), tensors(1.0))
    file = folder.folder / written.last
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(TrainingError, match=r"last-.*cannot be read.*--restart"):
        folder.last_tensors(written)


def test_before_the_first_epochs_end_none_is_best(folder):
    folder.write(standing(5), tensors(1.0))
    with pytest.raises(TrainingError, match="no epoch has ended"):
        folder.best_tensors(folder.read())


def test_a_file_in_the_folders_place_is_an_error(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(UsageError, match=r"run cannot be made.*name another"):
        CheckpointFolder(tmp_path / "run").make()
