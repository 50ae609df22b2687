"""Scoring on a cluster of two nodes: each input once, with the numbers of one process.

The nodes are processes of this machine, of one core each. Actors are killed with SIGKILL, runs are
broken off and gone on with; what is written must be what one process gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import mfclip
from mfclip.errors import DataError, UsageError
from mfclip.inference.mixed import score_files
from mfclip.inference.rows import COLUMNS, rows_of
from mfclip.inference.watching import Plan
from mfclip.scale import How, score, write_scores
from mfclip.scale.crew import ray_library

from .conftest import Run
from .served import BUNDLE

pytest.importorskip("ray", reason="needs mfclip[ray], which this Python has no wheel of")
dataset = pytest.importorskip("pyarrow.dataset", reason="needs mfclip[ray]")
arrow = pytest.importorskip("pyarrow", reason="needs mfclip[ray]")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs mfclip[ray]")

ray = ray_library()
NODES = 2
HOW = How(batch_size=4, precision="fp32")
SIZE = 8
"""Inputs of a partition; of whole batches, so that one process computes the same ones."""
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of the cluster; this process is connected to it."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(NODES - 1):
        cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 images, and five files of other fates."""
    folder = tmp_path_factory.mktemp("faces")
    draw = np.random.default_rng(0)
    for number in range(50):
        pixels = draw.integers(0, 40 + 4 * number, (72, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    whole = (folder / "07.png").read_bytes()
    (folder / "07b.png").write_bytes(whole[: len(whole) // 2])
    (folder / "11b.png").write_bytes(b"")
    (folder / "23b.jpg").write_bytes(b"no image at all")
    Image.new("RGB", (64, 64), "navy").save(folder / "30b.png")
    Image.fromarray(draw.integers(0, 255, (9, 64, 3), np.uint8)).save(folder / "41b.png")
    return folder


@pytest.fixture(scope="module")
def expected(faces: Path) -> Rows:
    """The rows of one process."""
    loaded = mfclip.load(BUNDLE, device="cpu", precision="fp32")
    scores = score_files(loaded, sorted(faces.iterdir()), Plan(), batch_size=4, workers=0)
    rows: Rows = [row for one in scores for row in rows_of(one)]
    assert {row["status"] for row in rows} == {
        *("ok", "truncated", "empty", "not-an-image", "blank", "too-small")
    }
    assert len({row["p_fake"] for row in rows}) > 25, "scores that tell images apart"
    return rows


def rows_in(out: Path) -> Rows:
    """All rows, as any reader of Parquet finds them."""
    table = dataset.dataset(str(out)).to_table()
    assert table.column_names == list(COLUMNS)
    rows: Rows = table.to_pylist()
    return rows


def require_same(rows: Rows, expected: Rows) -> None:
    """Each input once, in order, all cells equal; p_fake to what rounding may do."""
    assert [row["path"] for row in rows] == [row["path"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row | {"p_fake": None} == other | {"p_fake": None}
        assert (row["p_fake"] is None) == (other["p_fake"] is None)
        assert row["p_fake"] == pytest.approx(other["p_fake"], abs=2e-6)


class Killer(Thread):
    """Kills so many actors while they score: each at once, with SIGKILL."""

    def __init__(self, times: int) -> None:
        super().__init__(daemon=True)
        self.times, self.killed = times, set[int]()

    def run(self) -> None:
        """Until it has; a process of Ray is called after what it does."""
        while len(self.killed) < self.times:
            for one in psutil.Process().children(recursive=True):
                if len(self.killed) < self.times:
                    self.kill_if_scoring(one)
            sleep(0.01)

    def kill_if_scoring(self, one: psutil.Process) -> None:
        """An actor is killed once."""
        with suppress(psutil.Error):
            if one.cmdline()[:1] == ["ray::Worker.score"] and one.pid not in self.killed:
                one.kill()
                self.killed.add(one.pid)


def test_actors_that_are_killed_lose_and_double_nothing(
    cluster: str, faces: Path, expected: Rows, tmp_path: Path
) -> None:
    killer = Killer(times=2)
    killer.start()
    out = tmp_path / "out"
    outcome = write_scores([faces], BUNDLE, out, HOW, partition=SIZE, actors=2)
    assert len(killer.killed) == 2
    require_same(rows_in(out), expected)
    assert outcome.failed == []
    assert outcome.partitions == 7
    assert outcome.counts.total() == len(expected)
    assert outcome.counts["truncated"] == outcome.counts["blank"] == 1
    assert [file for file in out.iterdir() if file.name.endswith(".new")] == []


class BrokenOff(Exception):
    """As a driver that ends in the middle."""


def broken_off(faces: Path, out: Path, after: int) -> None:
    """A run that ends after so many partitions."""
    done: list[int] = []

    def end(inputs: int, total: int) -> None:
        done.append(inputs)
        if len(done) == after:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        write_scores([faces], BUNDLE, out, HOW, partition=SIZE, progress=end, actors=1)


def test_a_run_that_was_broken_off_is_gone_on_with(
    cluster: str, faces: Path, expected: Rows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    broken_off(faces, out, after=3)
    early = {file: file.stat().st_mtime_ns for file in out.glob("part-*")}
    assert len(early) >= 3
    with pytest.raises(UsageError, match="go on with --resume"):
        write_scores([faces], BUNDLE, out, HOW)
    other = replace(HOW, threshold=0.7)
    with pytest.raises(UsageError, match=r"threshold: 0\.\d+ then, 0\.7 now"):
        write_scores([faces], BUNDLE, out, other, resume=True)
    outcome = write_scores([faces], BUNDLE, out, HOW, resume=True, actors=1)
    assert 3 <= outcome.skipped == len(early) < outcome.partitions
    assert {file: file.stat().st_mtime_ns for file in early} == early, "none is made twice"
    require_same(rows_in(out), expected)
    assert outcome.counts.total() == len(expected), "earlier partitions are counted too"


def test_a_table_of_bytes_into_a_store(
    cluster: str, faces: Path, expected: Rows, tmp_path: Path
) -> None:
    """``file://`` goes the way of a store that is no object store: through pyarrow, by a rename."""
    files = sorted(faces.iterdir())
    held = {"path": [str(file) for file in files], "bytes": [file.read_bytes() for file in files]}
    source, out = tmp_path / "held.parquet", tmp_path / "out"
    parquet.write_table(arrow.table(held), source, row_group_size=20)
    write_scores([source.as_uri()], BUNDLE, out.as_uri(), HOW, partition=SIZE, actors=1)
    require_same(rows_in(out), expected)


def test_a_table_of_addresses_and_a_damaged_one(
    cluster: str, faces: Path, expected: Rows, tmp_path: Path
) -> None:
    """Inputs of a store are copied as they are needed; what is damaged costs its own partitions."""
    named = [file.as_uri() for file in sorted(faces.iterdir())]
    whole, damaged, out = tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "out"
    for file in (whole, damaged):
        parquet.write_table(arrow.table({"path": named}), file, compression="none")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:4] + b"\xff" * 40 + content[44:])
    outcome = write_scores([whole, damaged], BUNDLE, out, HOW, partition=1000, actors=1)
    (failed,) = outcome.failed
    assert failed.partition.table == str(damaged)
    assert "b.parquet" in failed.trouble
    assert outcome.counts.total() == len(expected)
    rows = [row | {"path": row["path"].removeprefix("file://")} for row in rows_in(out)]
    require_same(rows, expected)


def test_a_pipeline_of_ray_data(cluster: str, faces: Path, expected: Rows) -> None:
    files = ray.data.read_binary_files(str(faces), include_paths=True)
    rows = score(files, BUNDLE, HOW).take_all()
    require_same(sorted(rows, key=lambda row: str(row["path"])), expected)
    with pytest.raises(UsageError, match=r"no ray\.data\.Dataset"):
        score([str(faces)], BUNDLE)  # type: ignore[arg-type]


def test_what_is_wrong_is_said_as_in_one_process(cluster: str, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="threshold 'often' is no operating point"):
        write_scores([faces], BUNDLE, out, How(threshold="often"))
    with pytest.raises(UsageError, match=r"takes 1 cores and 1 GPUs, .* has 2 cores and 0 GPUs"):
        write_scores([faces], BUNDLE, out, gpus_per_actor=1)
    assert not out.exists()


def test_a_node_that_does_not_see_the_source_is_named(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / "a.png")

    @contextmanager
    def without_the_folder(_: Path) -> Iterator[None]:
        """In place of a lock: what a node without the disk finds."""
        folder.rename(tmp_path / "elsewhere")
        yield

    monkeypatch.setattr("mfclip.scale.run.holding", without_the_folder)
    with pytest.raises(DataError, match=f"does not see {folder}; mount it on every node"):
        write_scores([folder], BUNDLE, tmp_path / "out", actors=1)


def test_the_command(
    cluster: str, faces: Path, tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    words = ["--out", "out", "--actors", "1", "--batch-size", "4", "--precision", "fp32"]
    done = command(
        "mfclip", "score", "--engine", "ray", BUNDLE, faces, *words, code=9, cwd=tmp_path
    )
    assert done.stderr.startswith("partitions in out: 1 new, 0 from before\n55 files: 1 blank, ")
    assert "5 of 55 files could not be scored" in done.stderr
    assert len(rows_in(tmp_path / "out")) == 55


def test_options_of_one_engine_are_refused_for_the_other(tmp_path: Path, command: Run) -> None:
    for words, told in (
        (["--actors", "2"], "--actors goes with --engine ray"),
        (["--engine", "ray", "--format", "csv"], "--format does not go with --engine ray"),
        (["--engine", "ray"], "give --out DIR"),
    ):
        done = command("mfclip", "score", BUNDLE, "a.png", *words, code=2, cwd=tmp_path)
        assert told in done.stderr
