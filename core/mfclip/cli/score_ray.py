"""``mfclip score --engine ray``: the same rows as Parquet, scored on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mfclip.cli.interrupts import goes_on
from mfclip.cli.score_end import require_verdicts, tell
from mfclip.errors import SomePartitionsFailed, UsageError

if TYPE_CHECKING:
    from mfclip.scale.run import Outcome
    from mfclip.scale.work import How

Engine = Literal["local", "ray"]
EngineOption = Annotated[
    Engine,
    typer.Option("--engine", help="local: in one process. ray: on a cluster, into Parquet."),
]
Actors = Annotated[
    int | None,
    typer.Option("--actors", min=1, help="Detectors on the cluster. Default: all it has room for."),
]
GpusPerActor = Annotated[
    float | None,
    typer.Option("--gpus-per-actor", min=0, help="Of each actor; 0.5: two share one. Default: 0."),
]
PartitionSize = Annotated[
    int | None,
    typer.Option("--partition", min=1, help="Inputs of a Parquet file. Default: 2400."),
]


@dataclass(frozen=True)
class OnRay:
    """What is asked of the cluster."""

    actors: int | None
    gpus_per_actor: float | None
    partition: int | None

    def require_none(self) -> None:
        """Raise :class:`UsageError` where something is asked of a cluster that is not there."""
        _refuse(
            "goes with --engine ray",
            {
                "--actors": self.actors,
                "--gpus-per-actor": self.gpus_per_actor,
                "--partition": self.partition,
            },
        )


def refuse_here(options: dict[str, Any]) -> None:
    """Raise :class:`UsageError` where an option is given that is of one process alone."""
    _refuse("does not go with --engine ray", options)


def _refuse(why: str, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value not in (None, False, "auto"):
            raise UsageError(f"{name} {why}; leave it out")


def score_on_ray(
    bundle: Path,
    paths: Sequence[str],
    out: str | None,
    how: How,
    on: OnRay,
    resume: bool,
    restart: bool,
    registry: str | None,
) -> None:
    """Score, with a bar on a terminal, and end as ``mfclip score`` ends.

    Raises
    ------
    SomePartitionsFailed
        Where a partition is not there in the end.
    SomeFilesFailed
        Where all are, and some files have no verdict.
    """
    from mfclip.scale.run import write_scores

    if out is None:
        raise UsageError("--engine ray writes Parquet: give --out DIR, a folder or an address")
    with goes_on("the same command with --resume goes on from here"), _shown() as step:
        outcome = write_scores(
            paths,
            bundle,
            out,
            how,
            actors=on.actors,
            gpus_per_actor=on.gpus_per_actor or 0,
            partition=on.partition,
            resume=resume,
            restart=restart,
            registry=registry,
            progress=step,
        )
    written = outcome.partitions - outcome.skipped - len(outcome.failed)
    typer.echo(f"partitions in {out}: {written} new, {outcome.skipped} from before", err=True)
    tell(outcome.counts, outcome.left_out, "on Ray")
    _require_all_partitions(outcome)
    require_verdicts(outcome.counts)


def require_images(paths: Sequence[str]) -> None:
    """What ``--strict`` asks for, of what is on this machine.

    Raises :class:`UsageError` for an address: a store is told by names alone.
    """
    from mfclip.data.finding import require_all
    from mfclip.scale.places import is_address

    if any(map(is_address, paths)):
        raise UsageError("--strict looks into files, and does not go with addresses; leave it out")
    require_all(paths, films=True)


def _require_all_partitions(outcome: Outcome) -> None:
    if not outcome.failed:
        return
    told = "\n".join(f"  {one.partition.file}: {one.trouble}" for one in outcome.failed)
    raise SomePartitionsFailed(
        f"{len(outcome.failed)} partitions could not be scored:\n{told}\n"
        "  the same command with --resume tries them again"
    )


@contextmanager
def _shown() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on the terminal, which goes away again; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from mfclip.cli.console import ConsoleEvents

    with ConsoleEvents() as events:
        events.stage("Scoring")
        yield events.step
