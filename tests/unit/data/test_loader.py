import multiprocessing
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mfclip.data import decoding
from mfclip.data.frames import read_sample
from mfclip.data.images import ImageError, ImageStatus, decode
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import Batch, evaluation_loader, scoring_stream, training_loader
from mfclip.data.manifest import Manifest
from mfclip.data.prompts import PromptTable
from mfclip.errors import DataError, UsageError

MakeManifest = Callable[..., Manifest]


@pytest.fixture
def manifest(make_manifest: MakeManifest) -> Manifest:
    return make_manifest(11)


@pytest.fixture
def prompts(manifest: Manifest) -> PromptTable:
    labels = manifest.labels()[::-1]
    tokens = torch.zeros(len(labels), 1, 77, dtype=torch.int64)
    return PromptTable(labels, tuple(range(len(labels))), tuple(("x",) for _ in labels), tokens)


def train(manifest: Manifest, prompts: PromptTable | None = None, **how: int) -> list[Batch]:
    settings = {"batch_size": 4, "seed": 0, "epoch": 0, "workers": 0} | how
    return list(training_loader(manifest, prompts, **settings))


def order(batches: list[Batch]) -> list[int]:
    return [row for batch in batches for row in batch.index.tolist()]


class TestTraining:
    def test_every_row_once_the_last_batch_partial(self, manifest: Manifest) -> None:
        batches = train(manifest)
        assert [len(batch.images) for batch in batches] == [4, 4, 3]
        assert sorted(order(batches)) == list(range(11))
        assert order(batches) != list(range(11))

    @pytest.mark.parametrize("workers", [0, 2])
    def test_images_and_targets_belong_together(
        self, manifest: Manifest, prompts: PromptTable, workers: int
    ) -> None:
        for batch in train(manifest, prompts, workers=workers):
            for image, label, prompt, index in zip(
                batch.images, batch.label, batch.prompt, batch.index, strict=True
            ):
                row = manifest.rows[index]
                assert np.array_equal(image.permute(1, 2, 0), decode(manifest.file(row)))
                assert label == (row.label.label == "fake")
                assert prompts.labels[prompt] == row.label
            assert batch.label.dtype == batch.prompt.dtype == batch.index.dtype == torch.int64

    def test_order_is_a_function_of_seed_and_epoch(self, manifest: Manifest) -> None:
        orders = {
            (seed, epoch): tuple(order(train(manifest, seed=seed, epoch=epoch)))
            for seed in (0, 1)
            for epoch in (0, 1)
        }
        assert len(set(orders.values())) == 4
        torch.manual_seed(5)
        assert tuple(order(train(manifest, seed=1, epoch=1, workers=2))) == orders[1, 1]

    def test_order_stays_the_same_between_versions(self, manifest: Manifest) -> None:
        assert order(train(manifest, seed=3, epoch=2)) == [2, 8, 0, 5, 10, 1, 3, 4, 6, 7, 9]

    @pytest.mark.parametrize("start", [0, 1, 2, 3])
    def test_resuming_gives_the_rest_without_decoding_the_start(
        self, manifest: Manifest, start: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = order(train(manifest))
        decoded: list[Path] = []

        def counting(path, frames: Path) -> object:
            decoded.append(path)
            return read_sample(path, frames)

        monkeypatch.setattr(decoding, "read_sample", counting)
        how = {"batch_size": 4, "seed": 0, "epoch": 0, "workers": 0}
        loader = training_loader(manifest, None, start_batch=start, **how)
        assert len(loader) == 3 - start
        assert order(list(loader)) == whole[4 * start :]
        assert decoded == [manifest.files()[row] for row in whole[4 * start :]]

    def test_it_can_be_iterated_again(self, manifest: Manifest) -> None:
        loader = training_loader(manifest, None, batch_size=4, seed=0, epoch=0, workers=0)
        assert order(list(loader)) == order(list(loader))

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_broken_image_is_named(self, manifest: Manifest, workers: int) -> None:
        broken = manifest.files()[5]
        broken.write_bytes(b"")
        with pytest.raises(ImageError, match=f"{broken}: empty") as caught:
            train(manifest, workers=workers)
        assert isinstance(caught.value, DataError)
        assert not multiprocessing.active_children()

    def test_wrong_calls(self, manifest: Manifest, prompts: PromptTable) -> None:
        with pytest.raises(DataError, match="training split is empty"):
            train(manifest.of_split("val"))
        with pytest.raises(UsageError, match="start_batch 4 is not within 0 to 3"):
            train(manifest, start_batch=4)
        with pytest.raises(UsageError, match="batch_size must be 1 or more, got 0"):
            train(manifest, batch_size=0)
        only_real = PromptTable((HierarchicalLabel("real"),), (0,), (("x",),), prompts.tokens[:1])
        with pytest.raises(DataError, match="no prompt for the label fake/FS/GAN/swapper"):
            train(manifest, only_real)


class TestEvaluation:
    def test_manifest_order(self, manifest: Manifest) -> None:
        loader = evaluation_loader(manifest, None, batch_size=4, workers=2)
        batches = list(loader)
        assert len(loader) == 3
        assert order(batches) == list(range(11))
        assert batches[0].prompt.tolist() == [-1] * 4

    def test_nothing_to_evaluate(self, manifest: Manifest) -> None:
        assert list(evaluation_loader(manifest.of_split("val"), None, batch_size=4)) == []


class TestScoring:
    @pytest.mark.parametrize("workers", [0, 2, None])
    def test_order_and_statuses(self, manifest: Manifest, workers: int | None) -> None:
        files = list(manifest.files())
        files[2].write_bytes(b"")
        files[7] = files[7].with_name("no.png")
        batches = list(scoring_stream(iter(files), batch_size=4, workers=workers))
        assert [path for batch in batches for path in batch.paths] == files
        statuses = [status for batch in batches for status in batch.statuses]
        assert {place: status for place, status in enumerate(statuses) if status != "ok"} == {
            2: ImageStatus.EMPTY,
            7: ImageStatus.MISSING,
        }
        for batch in batches:
            good = [
                path
                for path, status in zip(batch.paths, batch.statuses, strict=True)
                if status == "ok"
            ]
            for image, path in zip(batch.images, good, strict=True):
                assert np.array_equal(image.permute(1, 2, 0), decode(path))
            assert [not reason for reason in batch.reasons] == [s == "ok" for s in batch.statuses]

    def test_nothing_to_score(self) -> None:
        assert list(scoring_stream([], batch_size=4)) == []

    def test_one_batch_starts_no_process(self, manifest: Manifest) -> None:
        stream = scoring_stream(manifest.files()[:3], batch_size=4, workers=2)
        assert len(next(stream).images) == 3
        assert not multiprocessing.active_children()

    def test_an_endless_stream_takes_constant_memory(self, manifest: Manifest) -> None:
        files = manifest.files()

        def endless() -> Iterator[Path]:
            while True:
                yield from files

        stream = scoring_stream(endless(), batch_size=8, workers=0)
        for _ in range(20):
            next(stream)
        tracemalloc.start()
        for _ in range(60):
            next(stream)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        stream.close()
        assert grown < 100_000  # the 480 images take 0.6 MB

    def test_batch_size(self) -> None:
        with pytest.raises(UsageError, match="batch_size"):
            list(scoring_stream([Path("x")], batch_size=0))
