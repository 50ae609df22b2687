"""An evaluation as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mfclip.metrics.results import METRICS, Evaluation, Row
from mfclip.text import markdown, table_row


def render(evaluation: Evaluation) -> str:
    """Result table, thresholds and warnings; figures in percent with their intervals.

    Where there are videos, the same follows by video.
    """
    lines = _lines(evaluation)
    if evaluation.videos is not None:
        said = "By video: each row counts videos, scored by the mean log-odds of their frames."
        lines += ["", said, "", *_lines(evaluation.videos)]
    return "\n".join(lines)


def _lines(evaluation: Evaluation) -> list[str]:
    """The tables of images, or of videos."""
    settings = evaluation.settings
    return [
        *table(["", "real", "fake", *(metric.label for metric in METRICS)], _rows(evaluation)),
        "",
        f"Percent, with {settings.confidence:.0%} bootstrap intervals "
        f"({settings.bootstrap} resamples of identities; of videos or images without one)."
        + (f" Scored in {evaluation.precision}." if evaluation.precision else ""),
        *_thresholds(evaluation),
        *_three_verdicts(evaluation),
        *_warnings(evaluation),
    ]


def _rows(evaluation: Evaluation) -> Iterator[list[str]]:
    """The cells of each row of the result table."""
    for row in evaluation.rows():
        figures = [str(row.interval(metric)) for metric in METRICS]
        yield [_title(row), str(row.reals), str(row.fakes), *figures]


def _title(row: Row) -> str:
    """Name of a row, with its kind where a name alone would not say."""
    if row.kind == "overall":
        return "**overall**"
    return row.name if row.kind == "mean" else f"{row.kind} {markdown(row.name)}"


def _thresholds(evaluation: Evaluation) -> list[str]:
    """What each fixed threshold does."""
    head = ["threshold", "p_fake ≥", "ACC", "reals flagged", "fakes found"]
    cells = []
    for rates in evaluation.thresholds:
        shares = (rates.accuracy, rates.false_alarms, rates.found)
        cells.append([rates.name, f"{rates.threshold:.4f}", *map(str, shares)])
    return ["", *table(head, cells)] if cells else []


def _three_verdicts(evaluation: Evaluation) -> list[str]:
    """How many images are uncertain, and how many of the others are wrong."""
    found = evaluation.three_verdicts
    if found is None:
        return []
    head = ["verdicts", "uncertain", "reals", "fakes", "reals called fake", "fakes called real"]
    cells = [found.uncertain, found.uncertain_reals, found.uncertain_fakes]
    cells += [found.wrong_reals, found.wrong_fakes, found.wrong_of_rest]
    title = f"uncertain from p_fake {found.low:.4f} to {found.high:.4f}"
    rows = [[f"{title}; at most {found.error:.0%} wrong", *map(str, cells)]]
    return ["", *table([*head, "wrong, of the rest"], rows)]


def _warnings(evaluation: Evaluation) -> list[str]:
    """Whatever a reader must know, as a list."""
    found = [f"- {warning}" for warning in evaluation.warnings]
    for row in evaluation.rows():
        reasons = [row.undefined] if row.undefined else []
        found += [f"- {markdown(row.name)}: {reason}" for reason in [*reasons, *row.warnings]]
    return ["", *found] if found else []


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table; the first column is text, the others are figures."""
    yield table_row(head)
    yield table_row([":--", *["--:"] * (len(head) - 1)])
    yield from map(table_row, rows)
