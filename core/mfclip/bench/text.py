"""Tables as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from mfclip.bench.table import HEADS, MEASURES, Cell, Entry, Row, Table
from mfclip.text import table_row

NOTHING = "–"
FAILED = "failed"
WITHIN = "†"
_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "–": "--",
}
CSV_COLUMNS = (
    "training",
    "detector",
    "test",
    "within",
    "reals",
    "fakes",
    "measure",
    "mean",
    "spread",
    "low",
    "high",
    "seeds",
    "values",
)
"""Header of a table's CSV file."""


def shown(entry: Entry) -> str:
    """``76.5 ± 1.2``: percent; without the spread where there is none."""
    mean = f"{100 * entry.mean:.1f}"
    return mean if entry.spread is None else f"{mean} ± {100 * entry.spread:.1f}"


def entries(table: Table, cell: Cell | None) -> list[Entry | None]:
    """The figures of a cell that a table shows, in its order; None where there is none."""
    return [None if cell is None else cell.entry(measure) for measure in table.measures]


def nothing(row: Row) -> str:
    """What stands for a figure that is not there."""
    return FAILED if row.failed else NOTHING


def texts(table: Table, row: Row, cell: Cell | None) -> list[str]:
    """The figures of a cell as a table shows them, marked where they are ``within``."""
    mark = WITHIN if cell is not None and cell.within else ""
    return [nothing(row) if one is None else shown(one) + mark for one in entries(table, cell)]


def blocks(table: Table) -> list[list[Row]]:
    """The rows, those of one training set together."""
    trainings = dict.fromkeys(row.training for row in table.rows)
    return [[row for row in table.rows if row.training == name] for name in trainings]


def to_markdown(table: Table) -> str:
    """The table with its title above and its caption below."""
    lines = [f"**{table.title}**", "", *_markdown_rows(table), ""]
    lines += [f"- {sentence}" for sentence in table.caption]
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """A ``table`` that needs no package; ``booktabs`` is not assumed."""
    columns = len(table.measures) * (len(table.columns) + bool(table.average))
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_tex(table.title)}. {' '.join(map(_tex, table.caption))}}}",
        rf"\label{{tab:{table.slug}}}",
        rf"\begin{{tabular}}{{ll{'r' * columns}}}",
        r"\hline",
        *_latex_head(table),
    ]
    for block in blocks(table):
        lines.append(r"\hline")
        lines += [_latex_row(table, row, first=row is block[0]) for row in block]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", r"\end{table*}"]) + "\n"


def to_csv(table: Table) -> str:
    """One line for each figure, 0-1 and in full; for programs."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        for name, reals, fakes, cell in _named_cells(table, row):
            for measure in MEASURES:
                entry = None if cell is None else cell.entry(measure)
                if cell is None or entry is None:
                    continue
                within = "yes" if cell.within else "no"
                figures = map(_exact, (entry.mean, entry.spread, entry.low, entry.high))
                seeds = [str(len(entry.values)), " ".join(map(repr, entry.values))]
                place = [row.training, row.detector, name, within, reals, fakes, measure]
                writer.writerow([*place, *figures, *seeds])
    return stream.getvalue()


def _named_cells(table: Table, row: Row) -> Iterator[tuple[str, str, str, Cell | None]]:
    for column, cell in zip(table.columns, row.cells, strict=True):
        counts = cell.counts if cell is not None else None
        sizes = (counts.reals, counts.fakes) if counts else (column.reals, column.fakes)
        reals, fakes = (str(size or "") for size in sizes)
        yield column.name, reals, fakes, cell
    if table.average:
        yield table.average, "", "", row.average


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def _markdown_rows(table: Table) -> Iterator[str]:
    names = [*(column.name for column in table.columns), *filter(None, [table.average])]
    head = [table.corner, "Detector"]
    head += [f"{_md(name)} {HEADS[measure]}" for name in names for measure in table.measures]
    yield table_row(head)
    yield table_row(["---", "---", *["---:"] * (len(head) - 2)])
    if any(column.reals for column in table.columns):
        sizes = [f"{column.reals} / {column.fakes}" for column in table.columns]
        rest = [""] * (len(table.measures) - 1)
        sizes += [""] * bool(table.average)
        cells = [text for size in sizes for text in (size, *rest)]
        yield table_row(["*test images, real / fake*", "", *cells])
    for block in blocks(table):
        for row in block:
            training = _md(row.training) if row is block[0] else ""
            yield table_row([training, _md(row.detector), *_figures(table, row)])


def _figures(table: Table, row: Row) -> list[str]:
    cells = [*row.cells, *([row.average] if table.average else [])]
    return [text for cell in cells for text in texts(table, row, cell)]


def _md(text: str) -> str:
    return text.replace("|", "\\|")


def _latex_head(table: Table) -> Iterator[str]:
    names = [
        _tex(column.name) + (f" ({column.reals} / {column.fakes})" if column.reals else "")
        for column in table.columns
    ] + [_tex(name) for name in filter(None, [table.average])]
    groups = [rf"\multicolumn{{{len(table.measures)}}}{{c}}{{{name}}}" for name in names]
    yield " & ".join([_tex(table.corner), "Detector", *groups]) + r" \\"
    yield " & ".join(["", "", *[_tex(HEADS[one]) for one in table.measures] * len(names)]) + r" \\"


def _latex_row(table: Table, row: Row, *, first: bool) -> str:
    training = _tex(row.training) if first else ""
    return " & ".join([training, _tex(row.detector), *map(_tex, _figures(table, row))]) + r" \\"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
