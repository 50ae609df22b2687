import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.data import decoding
from mfclip.data.decoding import MAX_WORKERS, decode_batches, worker_count
from mfclip.data.images import ImageStatus, decode
from mfclip.errors import UsageError

Save = Callable[..., Path]


@pytest.fixture
def files(save: Save) -> list[Path]:
    return [save(f"{number}.png", size=10 + number % 4, seed=number) for number in range(12)]


def tasks(files: list[Path], size: int = 5) -> Iterator[list[Path]]:
    for start in range(0, len(files), size):
        yield files[start : start + size]


def no_children() -> bool:
    """Wait a little for worker processes to be gone."""
    for _ in range(50):
        if not multiprocessing.active_children():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_images_come_back_in_order(files: list[Path], workers: int) -> None:
    batches = list(decode_batches(tasks(files), workers=workers))
    assert [len(batch.shapes) for batch in batches] == [5, 5, 2]
    images = [image for batch in batches for image in batch.images()]
    for image, file in zip(images, files, strict=True):
        assert image.dtype == torch.uint8
        assert np.array_equal(image.permute(1, 2, 0).numpy(), decode(file))
    assert no_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_failures_are_told_and_end_nothing(files: list[Path], workers: int) -> None:
    files[1].write_bytes(b"")
    files[6] = files[6].with_name("no.png")
    batches = list(decode_batches(tasks(files), workers=workers))
    assert [list(batch.failures) for batch in batches] == [[1], [1], []]
    assert batches[0].failures[1].status is ImageStatus.EMPTY
    assert batches[1].failures[1].status is ImageStatus.MISSING
    assert [len(batch.images()) for batch in batches] == [4, 4, 2]


def test_a_task_of_failures_only(tmp_path: Path) -> None:
    (batch,) = decode_batches([[tmp_path / "a", tmp_path / "b"]], workers=0)
    assert batch.images() == []
    assert list(batch.failures) == [0, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_tasks_are_read_only_a_little_ahead(files: list[Path], workers: int) -> None:
    taken = itertools.count()
    endless = ((next(taken), files[:2])[1] for _ in itertools.count())
    stream = decode_batches(endless, workers=workers)
    for _ in range(5):
        next(stream)
    stream.close()
    assert next(taken) <= 5 + 2 * workers


@pytest.mark.parametrize("how", ["close", "drop", "raise"])
def test_leaving_early_ends_the_workers(files: list[Path], how: str) -> None:
    stream = decode_batches(itertools.repeat(files[:2]), workers=2)
    next(stream)
    assert len(multiprocessing.active_children()) == 2
    if how == "close":
        stream.close()
    elif how == "drop":
        del stream
    else:
        with pytest.raises(ZeroDivisionError):
            stream.throw(ZeroDivisionError)
    assert no_children()


def test_an_error_of_the_tasks_ends_the_workers(files: list[Path]) -> None:
    def failing() -> Iterator[list[Path]]:
        yield from tasks(files)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(decode_batches(failing(), workers=2))
    assert no_children()


def kill_the_first_child() -> None:
    while not (children := multiprocessing.active_children()):
        time.sleep(0.05)
    children[0].kill()


def test_a_killed_worker_is_explained(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "read_sample", lambda *_: time.sleep(60))
    threading.Thread(target=kill_the_first_child).start()
    with pytest.raises(UsageError, match=r"memory ran out, or /dev/shm is too small"):
        next(decode_batches(tasks(files), workers=1))
    assert no_children()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_held_batches_need_few_descriptors(files: list[Path]) -> None:
    before = descriptors()
    held = list(decode_batches(itertools.repeat(files, 40), workers=2))
    assert sum(len(batch.images()) for batch in held) == 40 * 12
    assert descriptors() - before <= 45


def test_nothing_is_drawn_from_the_global_generator(files: list[Path]) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(decode_batches(tasks(files), workers=0))
    assert torch.equal(torch.rand(3), expected)


def test_worker_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(32))
    assert worker_count(None, 100) == MAX_WORKERS
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3))
    assert worker_count(None, 100) == 3
    assert worker_count(12, 100) == 12
    assert worker_count(12, 4) == 4
    assert worker_count(4, 1) == 0
    assert worker_count(0, 100) == 0
    with pytest.raises(UsageError, match="workers must be 0 or more"):
        worker_count(-1, 100)


def test_pixels_that_do_not_fit_into_shared_memory_are_an_error_of_the_batch(
    tmp_path, monkeypatch
) -> None:
    """PyTorch by itself loses the error in a thread, and the reader waits for ever."""

    def full(tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)  # the workers are forked from here
    for number in range(2):
        Image.effect_noise((20, 20), 50).convert("RGB").save(tmp_path / f"{number}.png")
    tasks = [[tmp_path / "0.png"], [tmp_path / "1.png"]]
    with pytest.raises(
        UsageError, match=r"^0\.0 MiB of pixels do not fit.*--shm-size.*workers = 0$"
    ):
        list(decode_batches(tasks, workers=1))
