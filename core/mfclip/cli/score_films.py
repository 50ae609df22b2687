"""Films in ``mfclip score``: which frames of them, a timeline, an annotated copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfclip.errors import UsageError

if TYPE_CHECKING:
    from mfclip.inference.films import FilmScore
    from mfclip.inference.score import Score
    from mfclip.inference.timeline import Timeline
    from mfclip.inference.watching import Plan, Watched

Frames = Annotated[
    int | None,
    typer.Option("--frames", min=1, help="Frames of each film, evenly spaced. Default: 32."),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", help="Frames a second of each film, in place of --frames."),
]
TimelineFile = Annotated[
    Path | None,
    typer.Option(
        "--timeline",
        metavar="FILE.csv|json|svg",
        help="Write each frame's scores of the film; of one film at a time.",
    ),
]
Annotate = Annotated[
    Path | None,
    typer.Option(
        "--annotate",
        metavar="FILE.mp4",
        help="Write the film with boxes and scores drawn in; of one film at a time.",
    ),
]


@dataclass
class Films:
    """What is asked of films, and what is kept of the one that is asked about."""

    frames: int | None
    rate: float | None
    timeline: Path | None
    annotate: Path | None
    _kept: Timeline | None = None
    _films: list[FilmScore] = field(default_factory=list)

    def plan(self) -> Plan:
        """Which frames."""
        from mfclip.inference.films import plan_of

        return plan_of(self.frames, self.rate)

    def conditions(self) -> dict[str, Any]:
        """What the rows of films depend on; nothing where it is what it is by default."""
        asked = {"frames": self.frames, "rate": self.rate}
        return {name: value for name, value in asked.items() if value is not None}

    def keep(self, watched: Watched) -> None:
        """Keep a frame's score, on the disk, where one of the files is asked for."""
        if self.timeline is None and self.annotate is None:
            return
        if self._kept is None:
            from mfclip.inference.timeline import Timeline

            self._kept = Timeline()
        self._kept.add(watched.score)

    def seeing(self, scores: Iterable[Score]) -> Iterator[Score]:
        """The same scores."""
        for score in scores:
            if self.timeline is not None or self.annotate is not None:
                from mfclip.inference.films import FilmScore

                self._films += [score] if isinstance(score, FilmScore) else []
            yield score

    def write(self) -> None:
        """Write the files that are asked for. A film that could not be scored has none."""
        for film in self._films:
            if film.status == "ok" and self._kept is not None and film.path is not None:
                with self._kept as kept:
                    self._write(film, film.path, kept)

    def _write(self, film: FilmScore, path: Path, kept: Timeline) -> None:
        if self.timeline is not None:
            from mfclip.inference.timeline import write_timeline

            write_timeline(self.timeline, kept, film)
            typer.echo(f"wrote {self.timeline}", err=True)
        if self.annotate is not None:
            from mfclip.inference.annotated import annotate

            annotate(self.annotate, path, kept, film)
            typer.echo(f"wrote {self.annotate}", err=True)


def films_of(
    paths: Sequence[str],
    frames: int | None,
    rate: float | None,
    timeline: Path | None,
    annotate: Path | None,
    *,
    resume: bool,
) -> Films:
    """What the options ask for, looked at before anything is loaded. Raises :class:`UsageError`."""
    from mfclip.inference.films import plan_of

    films = Films(frames, rate, timeline, annotate)
    plan_of(frames, rate)
    if timeline is not None or annotate is not None:
        _require_one(paths, timeline, annotate, resume=resume)
    return films


def _require_one(
    paths: Sequence[str], timeline: Path | None, annotate: Path | None, *, resume: bool
) -> None:
    from mfclip.data.film_names import is_film
    from mfclip.films import writing
    from mfclip.inference import timeline as lines

    if len(paths) != 1 or not is_film(Path(paths[0])):
        told = paths[0] if len(paths) == 1 else f"{len(paths)} paths"
        raise UsageError(f"--timeline and --annotate are of one film; got {told}: name one film")
    if resume:
        raise UsageError("--timeline and --annotate are of a whole run; leave --resume away")
    if timeline is not None:
        lines.form_of(timeline)
    if annotate is not None:
        writing.form_of(annotate)
        if annotate.resolve() == Path(paths[0]).resolve():
            raise UsageError(f"--annotate {annotate} is the film itself; give another name")
