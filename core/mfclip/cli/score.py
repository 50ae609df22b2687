"""``mfclip score``: p_fake for files, folders and globs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from mfclip.cli.interrupts import goes_on
from mfclip.cli.options import Device, FaceSettings, Precision, Registry, TrustAnchors
from mfclip.cli.score_films import Annotate, Films, Frames, Rate, TimelineFile, films_of
from mfclip.cli.score_rows import (
    COLUMNS,
    CREDENTIALS_COLUMNS,
    FACE_COLUMNS,
    Format,
    pour,
    sink_for,
)

if TYPE_CHECKING:
    from mfclip.data.credentials import CredentialsReader
    from mfclip.data.left_out import LeftOut
    from mfclip.exporting.exported import ExportedDetector
    from mfclip.inference.loaded import LoadedDetector
    from mfclip.inference.points import Point
    from mfclip.inference.score import Score
    from mfclip.recipe.settings import FacesSettings


ScoringRuntime = Literal["auto", "fused", "torch", "openvino", "onnx"]


@dataclass(frozen=True)
class Job:
    """What to score, and how."""

    loaded: LoadedDetector | ExportedDetector
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
    paths: Annotated[list[str], typer.Argument(help="Images, films, folders and globs.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: a table on a terminal, CSV elsewhere."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the rows to this file.")] = None,
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
    faces: Annotated[
        bool | None,
        typer.Option(
            "--faces/--no-faces",
            help="Find the faces of each picture and score every one, or take the files for crops. "
            "Default: as the bundle was trained.",
        ),
    ] = None,
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
    runtime: Annotated[
        ScoringRuntime,
        typer.Option(
            "--runtime",
            help="What runs the layers. Default: the fastest that can run here. For openvino and "
            "onnx the bundle is exported first, and the model kept.",
        ),
    ] = "auto",
    registry: Registry = None,
) -> None:
    """Score images and films: p_fake is the calibrated probability that a face is forged (0-1).

    Files that cannot be read get a status of their own and the run goes on; then the command
    ends with exit code 9 and says how many there were. Files of folders that are no images are
    left out and counted. With faces there is a row for each face, and a picture's verdict is that
    of the face with the largest p_fake. Of a film, frames that are evenly spaced in time are
    scored; with faces there is a row for each face that is followed through it.
    """
    from mfclip.cli.score_run import check_place
    from mfclip.data.finding import find_images, require_all
    from mfclip.data.left_out import LeftOut

    check_place(out, resume=resume, restart=restart)
    signed = credentials_choice(credentials, anchors)
    films = films_of(paths, frames, rate, timeline, annotate, resume=resume)
    if strict:
        require_all(paths, films=True)
    left_out = LeftOut()
    found = find_images(paths, left_out, films=True)

    from mfclip.inference.points import choose_point

    wanted = face_choice(faces, face_settings, registry)
    loaded = _load(bundle, device, precision, registry, wanted, runtime)
    point = choose_point(loaded.operating, threshold)
    job = Job(loaded, paths, threshold, point, batch_size, workers, films, signed)
    counts = _print(job, found, form) if out is None else _save(job, found, form, out, resume)
    films.write()
    _finish(counts, left_out, loaded.computed)


def credentials_choice(asked: bool, anchors: Path | None) -> CredentialsReader | None:
    """What reads content credentials, where they are asked for."""
    from mfclip.data.credentials import CredentialsReader
    from mfclip.errors import UsageError

    if anchors is not None and not asked:
        raise UsageError("--trust-anchors says whose credentials count; it goes with --credentials")
    return CredentialsReader(anchors) if asked else None


def face_choice(
    asked: bool | None, settings: list[str] | None, registry: str | None
) -> FacesSettings | bool | None:
    """What the options say of faces, for :func:`mfclip.load`."""
    from mfclip.errors import UsageError
    from mfclip.recipe.faces import read_faces
    from mfclip.recipe.registry import read_registry

    if not settings:
        return asked
    if not asked:
        raise UsageError("--face-set says how faces are found; it goes with --faces")
    return read_faces(settings, read_registry(Path(registry) if registry else None))


def _load(
    bundle: Path,
    device: str,
    precision: str | None,
    registry: str | None,
    faces: FacesSettings | bool | None,
    runtime: ScoringRuntime,
) -> LoadedDetector | ExportedDetector:
    """A bundle, or a model that was exported from one."""
    from mfclip.compute.allocator import keep_freed_memory
    from mfclip.exporting.exported import is_exported, load_exported
    from mfclip.exporting.through import load_through
    from mfclip.inference.loaded import load

    keep_freed_memory()
    if is_exported(bundle):
        return load_exported(
            bundle, device, precision, registry=registry, faces=faces, runtime=runtime
        )
    if runtime in ("onnx", "openvino"):
        return load_through(runtime, bundle, device, precision, registry=registry, faces=faces)
    return load(bundle, device, precision, registry=registry, faces=faces, runtime=runtime)


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
    from mfclip.inference.points import Banded
    from mfclip.version import __version__

    films = job.loaded.operating.films
    relative = any(not Path(pattern).is_absolute() for pattern in job.paths)
    return {
        "mfclip": __version__,
        "weights": job.loaded.weights_sha256,
        "preprocessing": job.loaded.preprocessing.model_dump(mode="json"),
        "reencode": job.loaded.predictor.preprocessor.reencode,
        "temperature": job.loaded.operating.temperature,
        "films": films.model_dump(mode="json") if films else None,
        "threshold": job.point.threshold,
        "operating_point": job.point.name,
        "uncertain_from": job.point.band.low if isinstance(job.point, Banded) else None,
        "device": job.loaded.device.type,
        "precision": str(job.loaded.predictor.precision),
        "runtime": job.loaded.predictor.runtime.name,
        "format": form,
        "columns": list(job.columns),
        **_how_faces(job.loaded),
        **job.films.conditions(),
        "paths": list(job.paths),
        "folder": str(Path.cwd()) if relative else "",
    }


def _how_faces(loaded: LoadedDetector | ExportedDetector) -> dict[str, Any]:
    """How faces are found, with what network; nothing where they are not."""
    from mfclip.weights.files import hash_of

    if loaded.faces is None:
        return {}
    weights = getattr(loaded.faces.locator, "weights", None)
    network = {} if weights is None else {"locator_weights": hash_of(weights)}
    return {"faces": loaded.faces.model_dump(mode="json"), **network}


def _finish(counts: Counter[str], left_out: LeftOut, arithmetic: str) -> None:
    """Say what there was; a file that could not be scored makes the exit code tell of it."""
    from mfclip.data.labels import Verdict
    from mfclip.errors import SomeFilesFailed

    total = counts.total()
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    typer.echo(f"{total} files: {told}; {arithmetic}" if total else "no files", err=True)
    if left_out:
        typer.echo(f"left out: {left_out} (no images, no films)", err=True)
    failed = total - sum(counts[verdict] for verdict in get_args(Verdict))
    if failed:
        raise SomeFilesFailed(
            f"{failed} of {total} files could not be scored; see their status and reason"
        )


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
