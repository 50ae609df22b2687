"""A build on the terminal: stages, progress bars, findings, the table of parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from mfclip.data.audit import Audit, Finding
    from mfclip.detector.cost import PartCost
    from mfclip.training.progress import TrainingProgress

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


class ConsoleEvents:
    """Shows a build; bars on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._title = ""
        self._shown: Audit | None = None

    @property
    def training(self) -> TrainingProgress:
        """The training loop's own display, on the same console."""
        from mfclip.training.progress import RichProgress

        self._close_bar()
        return RichProgress(self._console)

    def stage(self, title: str) -> None:
        """Print the stage's title."""
        self._close_bar()
        self._title = title
        self._console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)

    def step(self, done: int, total: int) -> None:
        """Move the stage's bar."""
        if not self._console.is_terminal or total == 0:
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("  {task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.add_task(self._title.lower(), total=total)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=done, total=total)

    def audit(self, audit: Audit) -> None:
        """Print every finding with what to do."""
        self._shown = audit
        self._close_bar()
        if not audit.findings:
            self._console.print("  no findings", style="green")
        for finding in audit.findings:
            self._finding(finding)

    def note(self, text: str) -> None:
        """Print it as findings are printed."""
        self._close_bar()
        self._console.print("  note: ", style=COLOURS["note"], end="")
        self._say(text)

    def parts(self, costs: Sequence[PartCost]) -> None:
        """Print the parts with their parameters and multiply-accumulates."""
        self._console.print(parts_table(costs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Leave the terminal as it was, whatever happened; findings are told once."""
        from mfclip.data.audit.refusal import DataRefused

        self._close_bar()
        if isinstance(error, DataRefused) and error.audit is self._shown:
            error.told = True

    def _finding(self, finding: Finding) -> None:
        self._console.print(f"  {finding.severity}: ", style=COLOURS[finding.severity], end="")
        self._say(finding.message)
        if finding.severity != "note":
            self._say(f"    to do: {finding.advice}")

    def _say(self, text: str) -> None:
        """Print a line as it is; the terminal breaks it, so that it can be copied whole."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _close_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def parts_table(costs: Sequence[PartCost]) -> Table:
    """Parts, parameters in millions, GMACs: images count one, text one step's distinct prompts.

    A part's figures include those of the parts inside it; the last row counts everything once.
    """
    from mfclip.detector.cost import outermost

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("part", "parameters", "GMAC"):
        table.add_column(title, justify="left" if title == "part" else "right")
    whole = outermost(costs)
    for part in costs:
        table.add_row(part.path, f"{part.parameters / 1e6:.3f} M", f"{part.macs / 1e9:.3f}")
    table.add_row(
        "all",
        f"{sum(part.parameters for part in whole) / 1e6:.3f} M",
        f"{sum(part.macs for part in whole) / 1e9:.3f}",
        style="bold",
    )
    return table
