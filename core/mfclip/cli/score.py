"""``mfclip score``: p_fake for files, folders and globs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfclip.cli.face_options import Faces, FaceSettings, face_choice
from mfclip.cli.interrupts import goes_on
from mfclip.cli.options import (
    AnyRuntime,
    Device,
    Precision,
    Registry,
    TrustAnchors,
)
from mfclip.cli.score_end import require_verdicts, tell
from mfclip.cli.score_films import Annotate, Films, Frames, Rate, TimelineFile, films_of
from mfclip.cli.score_ray import (
    Actors,
    EngineOption,
    GpusPerActor,
    OnRay,
    PartitionSize,
    refuse_here,
    require_images,
    score_on_ray,
)
from mfclip.cli.score_rows import CREDENTIALS_COLUMNS, Format, pour, sink_for
from mfclip.inference.rows import COLUMNS, FACE_COLUMNS

if TYPE_CHECKING:
    from mfclip.data.credentials import CredentialsReader
    from mfclip.exporting.scorers import Scorer
    from mfclip.inference.points import Point
    from mfclip.inference.score import Score


@dataclass(frozen=True)
class Job:
    """What to score, and how."""

    loaded: Scorer
    paths: Sequence[str]
    threshold: str | None
    point: Point
    """What the threshold means for this detector."""
    batch_size: int
    workers: int | None
    films: Films
    credentials: CredentialsReader | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the rows: one an image, or one a face."""
        own = COLUMNS if self.loaded.faces is None else FACE_COLUMNS
        return own if self.credentials is None else own + CREDENTIALS_COLUMNS


def score(
    bundle: Annotated[
        Path, typer.Argument(help="Folder that mfclip-build wrote, or a model exported from it.")
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, films, folders and globs; with --engine ray also Parquet and addresses."
        ),
    ],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: a table on a terminal, CSV elsewhere."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Write the rows to this file; with --engine ray into this folder or address.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished --out, if there is one.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard an unfinished --out and begin again.")
    ] = False,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            metavar="NAME|NUMBER",
            help="balanced, fpr-1, fpr-5, error-5 (three verdicts), or a number 0-1. Default: the "
            "detector's own.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a folder holds anything else.")
    ] = False,
    faces: Faces = None,
    face_settings: FaceSettings = None,
    frames: Frames = None,
    rate: Rate = None,
    timeline: TimelineFile = None,
    annotate: Annotate = None,
    credentials: Annotated[
        bool,
        typer.Option(
            "--credentials",
            help="Say beside each score what the file's content credentials (C2PA) are.",
        ),
    ] = False,
    anchors: TrustAnchors = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 24,
    workers: Annotated[int | None, typer.Option(min=0, help="Decoding processes.")] = None,
    device: Device = "auto",
    precision: Precision = None,
    runtime: AnyRuntime = "auto",
    registry: Registry = None,
    engine: EngineOption = "local",
    actors: Actors = None,
    gpus_per_actor: GpusPerActor = None,
    partition: PartitionSize = None,
) -> None:
    """Score images and films: p_fake is the calibrated probability that a face is forged (0-1).

    Files that cannot be read get a status of their own and the run goes on; then the command
    ends with exit code 9 and says how many there were. Files of folders that are no images are
    left out and counted. With faces there is a row for each face, and a picture's verdict is that
    of the face with the largest p_fake. Of a film, frames that are evenly spaced in time are
    scored; with faces there is a row for each face that is followed through it. With --engine ray
    the rows are Parquet, a file for each partition of the inputs.
    """
    on_ray = OnRay(actors, gpus_per_actor, partition)
    if engine == "ray":
        own = {"--format": form, "--timeline": timeline, "--annotate": annotate, "--device": device}
        refuse_here(own | {"--credentials": credentials, "--trust-anchors": anchors})
        from mfclip.scale.work import How

        if strict:
            require_images(paths)
        wanted = face_choice(faces, face_settings, registry)
        how = How(threshold, batch_size, workers or 0, precision, wanted, frames, rate, runtime)
        score_on_ray(bundle, paths, out, how, on_ray, resume, restart, registry)
        return
    on_ray.require_none()
    from mfclip.cli.score_run import check_place
    from mfclip.data.finding import find_images, require_all
    from mfclip.data.left_out import LeftOut

    file = None if out is None else Path(out)
    check_place(file, resume=resume, restart=restart)
    signed = credentials_choice(credentials, anchors)
    films = films_of(paths, frames, rate, timeline, annotate, resume=resume)
    if strict:
        require_all(paths, films=True)
    left_out = LeftOut()
    found = find_images(paths, left_out, films=True)

    from mfclip.exporting.scorers import load_scorer
    from mfclip.inference.points import choose_point

    wanted = face_choice(faces, face_settings, registry)
    loaded = load_scorer(bundle, device, precision, registry, wanted, runtime)
    point = choose_point(loaded.operating, threshold)
    job = Job(loaded, paths, threshold, point, batch_size, workers, films, signed)
    counts = _print(job, found, form) if file is None else _save(job, found, form, file, resume)
    films.write()
    tell(counts, left_out, loaded.computed)
    require_verdicts(counts)


def credentials_choice(asked: bool, anchors: Path | None) -> CredentialsReader | None:
    """What reads content credentials, where they are asked for."""
    from mfclip.data.credentials import CredentialsReader
    from mfclip.errors import UsageError

    if anchors is not None and not asked:
        raise UsageError("--trust-anchors says whose credentials count; it goes with --credentials")
    return CredentialsReader(anchors) if asked else None


def _print(job: Job, found: Iterator[Path], form: Format | None) -> Counter[str]:
    """Rows to the standard output."""
    from mfclip.cli.score_run import ENCODING

    # Names of files are written as the bytes that they are.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ENCODING["errors"])
    terminal = sys.stdout.isatty()
    sink = sink_for(sys.stdout, form or ("table" if terminal else "csv"), job.columns)
    counts: Counter[str] = Counter()
    sink.begin()
    with _shown(job, hidden=terminal) as tell:
        scores = _scores(job, found, tell)
        pour(scores, sys.stdout, sink, counts, job.batch_size, job.credentials)
    return counts


def _save(
    job: Job, found: Iterator[Path], form: Format | None, out: Path, resume: bool
) -> Counter[str]:
    """Rows to a file, which appears when they are complete."""
    from mfclip.cli.score_run import open_rows

    form = form or ("jsonl" if out.suffix == ".jsonl" else "csv")
    conditions = _conditions(job, form)
    with (
        goes_on("the same command with --resume goes on from here"),
        open_rows(
            out,
            form,
            conditions,
            found,
            batch_size=job.batch_size,
            resume=resume,
            columns=job.columns,
        ) as rows,
        _shown(job, done=rows.counts.total()) as tell,
    ):
        sink = sink_for(rows.stream, form, job.columns)
        scores = _scores(job, found, tell)
        pour(scores, rows.stream, sink, rows.counts, job.batch_size, job.credentials)
    typer.echo(f"wrote {out}", err=True)
    return rows.counts


def _conditions(job: Job, form: Format) -> dict[str, Any]:
    """What the rows depend on, besides the files."""
    from mfclip.exporting.scorers import conditions_of

    relative = any(not Path(pattern).is_absolute() for pattern in job.paths)
    return {
        **conditions_of(job.loaded, job.point),
        "format": form,
        "columns": list(job.columns),
        **job.films.conditions(),
        "paths": list(job.paths),
        "folder": str(Path.cwd()) if relative else "",
    }


def _scores(job: Job, found: Iterator[Path], tell: Callable[[int], None]) -> Iterator[Score]:
    from mfclip.inference.mixed import score_files

    scores = score_files(
        job.loaded,
        found,
        job.films.plan(),
        batch_size=job.batch_size,
        workers=job.workers,
        threshold=job.threshold,
        progress=tell,
        each=job.films.keep,
    )
    with closing(scores):  # ends the workers also while an error holds this frame
        yield from job.films.seeing(scores)


@contextmanager
def _shown(job: Job, *, hidden: bool = False, done: int = 0) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, which goes away again; nothing elsewhere.

    Hidden where the rows themselves go to the terminal. Counting the files first is cheap
    beside scoring them.
    """
    from mfclip.data.finding import find_images

    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    from mfclip.cli.console import ConsoleEvents

    total = sum(1 for _ in find_images(job.paths, films=True))
    with ConsoleEvents() as events:
        events.stage("Scoring")
        yield lambda more: events.step(done + more, total)
