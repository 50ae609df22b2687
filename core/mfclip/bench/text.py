"""Tables as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from mfclip.bench.table import Cell, Entry, Row, Table
from mfclip.text import table_row

NOTHING = "–"
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


def both(cell: Cell | None) -> tuple[str, str]:
    """Accuracy and AUC as a table shows them, marked where they are ``within``."""
    if cell is None:
        return NOTHING, NOTHING
    mark = WITHIN if cell.within else ""
    return shown(cell.accuracy) + mark, shown(cell.auc) + mark


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
    columns = len(table.columns) + bool(table.average)
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_tex(table.title)}. {' '.join(map(_tex, table.caption))}}}",
        rf"\label{{tab:{table.slug}}}",
        rf"\begin{{tabular}}{{ll{'rr' * columns}}}",
        r"\hline",
        *_latex_head(table),
    ]
    for block in blocks(table):
        lines.append(r"\hline")
        lines += [_latex_row(row, first=row is block[0]) for row in block]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", r"\end{table*}"]) + "\n"


def to_csv(table: Table) -> str:
    """One line for each figure, 0-1 and in full; for programs."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        for name, reals, fakes, cell in _named_cells(table, row):
            measures = {"accuracy": cell.accuracy, "auc": cell.auc} if cell else {}
            for measure, entry in measures.items():
                within = "yes" if cell and cell.within else "no"
                figures = map(_exact, (entry.mean, entry.spread, entry.low, entry.high))
                seeds = [str(len(entry.values)), " ".join(map(repr, entry.values))]
                place = [row.training, row.detector, name, within, reals, fakes, measure]
                writer.writerow([*place, *figures, *seeds])
    return stream.getvalue()


def _named_cells(table: Table, row: Row) -> Iterator[tuple[str, str, str, Cell | None]]:
    for column, cell in zip(table.columns, row.cells, strict=True):
        yield column.name, str(column.reals), str(column.fakes), cell
    if table.average:
        yield table.average, "", "", row.average


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def _markdown_rows(table: Table) -> Iterator[str]:
    names = [*(column.name for column in table.columns), *filter(None, [table.average])]
    head = [table.corner, "Detector"]
    head += [f"{_md(name)} {measure}" for name in names for measure in ("ACC", "AUC")]
    yield table_row(head)
    yield table_row(["---", "---", *["---:"] * (2 * len(names))])
    sizes = [f"{column.reals} / {column.fakes}" for column in table.columns]
    empty = [""] * (2 * bool(table.average))
    yield table_row(
        ["*test images, real / fake*", "", *(w for s in sizes for w in (s, "")), *empty]
    )
    for block in blocks(table):
        for row in block:
            training = _md(row.training) if row is block[0] else ""
            yield table_row([training, _md(row.detector), *_figures(table, row)])


def _figures(table: Table, row: Row) -> list[str]:
    cells = [*row.cells, *([row.average] if table.average else [])]
    return [text for cell in cells for text in both(cell)]


def _md(text: str) -> str:
    return text.replace("|", "\\|")


def _latex_head(table: Table) -> Iterator[str]:
    names = [
        f"{_tex(column.name)} ({column.reals} / {column.fakes})" for column in table.columns
    ] + [_tex(name) for name in filter(None, [table.average])]
    groups = [rf"\multicolumn{{2}}{{c}}{{{name}}}" for name in names]
    yield " & ".join([_tex(table.corner), "Detector", *groups]) + r" \\"
    yield " & ".join(["", "", *["ACC", "AUC"] * len(names)]) + r" \\"


def _latex_row(row: Row, *, first: bool) -> str:
    cells = [*row.cells, *([row.average] if row.average is not None else [])]
    figures = [_tex(text) for cell in cells for text in both(cell)]
    training = _tex(row.training) if first else ""
    return " & ".join([training, _tex(row.detector), *figures]) + r" \\"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
