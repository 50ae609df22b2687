import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.data.manifest import Manifest, read_manifest
from mfclip.errors import DataError
from mfclip_sample import GENERATORS, make_sample
from mfclip_sample import produce as produce_module

IMAGES, SIZE, SEED = 24, 64, 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("sample") / "set"
    return read_manifest(make_sample(folder, images=IMAGES, size=SIZE, seed=SEED, workers=1))


def contents(folder: Path) -> dict[str, bytes]:
    files = (entry for entry in folder.rglob("*") if entry.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_the_same_bytes_whatever_the_number_of_workers(made: Manifest, tmp_path: Path) -> None:
    make_sample(tmp_path / "three", images=IMAGES, size=SIZE, seed=SEED, workers=3)
    assert contents(tmp_path / "three") == contents(made.root)


def test_another_seed_draws_other_pictures(made: Manifest, tmp_path: Path) -> None:
    make_sample(tmp_path / "set", images=12, size=SIZE, seed=SEED + 1, workers=1)
    first = contents(made.root)
    other = contents(tmp_path / "set")
    shared = [name for name in other if name.endswith(".jpg")]
    assert len(shared) == 12
    assert all(first[name] != other[name] for name in shared)


def test_pictures_are_all_different(made: Manifest) -> None:
    assert len({made.file(row).read_bytes() for row in made}) == IMAGES


def test_the_manifest_names_every_picture(made: Manifest) -> None:
    listed = {row.path.as_posix() for row in made}
    assert listed == {name for name in contents(made.root) if name.endswith(".jpg")}
    assert {row.label for row in made if row.label.label == "fake"} == set(GENERATORS)
    assert {row.group for row in made} == {"sample"}


def test_real_and_fake_share_size_format_and_quality(made: Manifest) -> None:
    seen: dict[str, Counter[object]] = {"real": Counter(), "fake": Counter()}
    for row in made:
        with Image.open(made.file(row)) as image:
            tables = tuple(tuple(table) for table in image.quantization.values())
            seen[row.label.label][image.format, image.size, image.mode, tables] += 1
    assert seen["real"] == seen["fake"]
    assert len(seen["real"]) > 3
    assert {key[1] for key in seen["real"]} == {(SIZE, SIZE)}  # type: ignore[index]


def test_pictures_are_neither_dark_nor_burnt(made: Manifest) -> None:
    for row in made:
        with Image.open(made.file(row)) as image:
            pixels = np.asarray(image)
        assert 50 < pixels.mean() < 190
        assert pixels.std() > 20


def test_the_folder_says_that_it_is_synthetic(made: Manifest) -> None:
    assert (made.root / "README.txt").read_text().startswith("SYNTHETIC IMAGES")


def test_a_finished_set_is_reused(made: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw_again(*_: object, **__: object) -> None:
        raise AssertionError("drew a picture of a set that is there")

    monkeypatch.setattr(produce_module, "produce", draw_again)
    again = make_sample(made.root, images=IMAGES, size=SIZE, seed=SEED)
    assert again == made.root / "manifest.csv"
    with pytest.raises(DataError, match="choose another folder"):
        make_sample(made.root, images=IMAGES, size=SIZE, seed=SEED + 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_every_picture(tmp_path: Path, workers: int) -> None:
    told: list[tuple[int, int]] = []
    make_sample(
        tmp_path / "set",
        images=12,
        size=32,
        seed=0,
        workers=workers,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(count, 12) for count in range(1, 13)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, workers: int) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(
            tmp_path / "set", images=48, size=32, seed=0, workers=workers, progress=interrupt
        )
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_set_and_no_running_worker(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from mfclip_sample import make_sample;"
        "make_sample(Path('set'), images=4000, size=64, seed=0, workers=2,"
        " progress=lambda done, total: print(done, flush=True))"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"1\n"
        maker.send_signal(signal.SIGKILL)
    assert not (tmp_path / "set").exists()
    (partial,) = (path for path in tmp_path.iterdir() if path.suffix != ".lock")
    assert partial.name.endswith(".partial")
    assert stays_the_same(partial)


def stays_the_same(folder: Path) -> bool:
    """Wait until nothing more is written, half a minute at most."""
    for _ in range(60):
        before = len(contents(folder))
        time.sleep(0.5)
        if len(contents(folder)) == before:
            return True
    return False


def test_a_worker_that_cannot_write_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mfclip_sample import make

    prepare = make._prepare

    def prepare_badly(folder: Path, items: tuple[object, ...]) -> None:
        prepare(folder, items)  # type: ignore[arg-type]
        (folder / "fake" / "toy-deconv" / "000001.jpg").mkdir()

    monkeypatch.setattr(make, "_prepare", prepare_badly)
    for workers in (1, 2):
        with pytest.raises(DataError, match=r"fake/toy-deconv/000001\.jpg"):
            make_sample(tmp_path / "set", images=12, size=32, seed=0, workers=workers)
        assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported_to_find_a_finished_set(made: Manifest) -> None:
    script = (
        "import sys; from pathlib import Path; from mfclip_sample import make_sample;"
        f"make_sample(Path({str(made.root)!r}), images={IMAGES}, size={SIZE}, seed={SEED});"
        "print({'numpy', 'scipy', 'torch', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=os.environ
    )
    assert done.stdout == "set()\n"
