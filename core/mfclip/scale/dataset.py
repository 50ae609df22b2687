"""A detector in a Ray Data pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.errors import DataError, UsageError
from mfclip.exporting.packages import needed
from mfclip.scale.carried import Carried
from mfclip.scale.tables import columns_of, item_of, scores_table
from mfclip.scale.work import How, Scoring, rows_with_names

if TYPE_CHECKING:
    from ray.data import Dataset

BLOCK = 10
"""Batches of the detector in one of the pipeline's."""


def score(
    dataset: Dataset,
    bundle: str | Path,
    how: How | None = None,
    *,
    actors: int = 1,
    gpus_per_actor: float = 0,
    registry: str | Path | None = None,
) -> Dataset:
    """Add a detector to a pipeline: a dataset of the columns of ``mfclip score``, computed lazily.

    A row of the dataset has ``path``, and where the images come along with it also ``bytes`` or
    ``image``, as of ``ray.data.read_binary_files(folder, include_paths=True)``; a path may be an
    address. Each row gives one, or where faces are looked for one a face. What becomes of the rows
    when something fails is Ray Data's affair; :func:`mfclip.scale.write_scores` keeps them through
    any crash.

    Parameters
    ----------
    actors
        Detectors that score at a time.
    gpus_per_actor
        0: on the CPU.

    Raises
    ------
    MissingExtraError
        Without ``mfclip[ray]``.
    UsageError
        For something else than a dataset, and for no actor.
    BundleError
        Where there is no bundle; what is wrong with one is said when the pipeline runs.
    """
    ray, data = needed("ray", "scoring on a cluster", "ray", "ray.data")
    if not isinstance(dataset, data.Dataset):
        raise UsageError(
            f"a value of type {type(dataset).__name__} is no ray.data.Dataset; for folders, "
            "addresses and Parquet files use mfclip.scale.write_scores"
        )
    if actors < 1:
        raise UsageError(f"actors must be 1 or more, got {actors}")
    how = how or How()
    carried = Carried.of(Path(bundle), None if registry is None else Path(registry))
    device = "cuda" if gpus_per_actor else "cpu"
    return dataset.map_batches(
        _Stage,
        fn_constructor_args=(ray.put(carried), how, device, str(Path.cwd())),
        batch_format="pyarrow",
        batch_size=BLOCK * how.batch_size,
        compute=data.ActorPoolStrategy(size=actors),
        num_cpus=1 + how.workers,
        num_gpus=gpus_per_actor,
    )


class _Stage:
    """An actor of the pipeline: Arrow tables of inputs -> Arrow tables of scores."""

    def __init__(self, carried: Any, how: How, device: str, folder: str) -> None:
        (ray,) = needed("ray", "scoring on a cluster", "ray")
        self._scoring, self._folder = Scoring(ray.get(carried), how, device), folder

    def __call__(self, inputs: Any) -> Any:
        columns = columns_of(inputs.schema, "the dataset")
        if columns.path is None:
            raise DataError("the dataset has no column path, by which its rows could be told")
        wanted = inputs.select([name for name in columns if name is not None])
        items = [item_of(row, columns, "row", at) for at, row in enumerate(wanted.to_pylist())]
        rows = [
            row
            for name, score in self._scoring.scores(items, "", self._folder)
            for row in rows_with_names(name, score)
        ]
        return scores_table(rows, self._scoring.columns)
