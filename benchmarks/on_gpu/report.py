"""The tables of a run, printed as they grow and kept as Markdown and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from timing import machine, shown, table

from mfclip.compute.precision import precision_name
from on_gpu.budget import Budget
from on_gpu.flops import CONVOLUTIONS
from on_gpu.peak import Peak
from on_gpu.subject import Plan

WANTED_ON = r"\bH100\b"
"""The GPU that the wanted figures are for."""
IMAGES_A_SECOND = 10_000
SHARE_OF_PEAK = 0.4

Rows = list[Mapping[str, object]]


class Report:
    """Writes ``gpu.md`` and ``gpu.json`` into a folder."""

    def __init__(self, folder: Path, plan: Plan, budget: Budget) -> None:
        self._folder, self._plan, self._budget = folder, plan, budget
        self.peak: Peak | None = None
        self.tables: dict[str, Rows] = {}

    def begin(self, peak: Peak) -> None:
        """With what shares are shares of."""
        self.peak = peak
        print(self._head(), flush=True)

    def add(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Rows of one table, printed as they come."""
        kept = self.tables.setdefault(name, [])
        for row in rows:
            kept.append(row)
            print(f"{name}: " + ", ".join(f"{k} {shown(v)}" for k, v in row.items()), flush=True)

    def end(self) -> None:
        """Print the whole once more, as the files have it."""
        self.write()
        print(f"\n{self.markdown()}")

    def write(self) -> None:
        """Both files, as far as the run has come."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "gpu.md").write_text(self.markdown(), encoding="utf-8")
        text = json.dumps(self.record(), indent=2) + "\n"
        (self._folder / "gpu.json").write_text(text, encoding="utf-8")

    def record(self) -> dict[str, object]:
        """Everything, as JSON has it."""
        return {
            "machine": machine(self._plan.device),
            "precision": precision_name(self._plan.precision),
            "settings": {name: list(own) for name, own in self._plan.overrides.items()},
            "peak": None if self.peak is None else self.peak._asdict(),
            "tables": self.tables,
            "wanted": self.wanted(),
            "seconds": self._budget.taken,
            "skipped": self._budget.skipped,
            "failed": self._budget.failed,
        }

    def markdown(self) -> str:
        """Everything, for people."""
        parts = [self._head(), "## Wanted", table(self.wanted())]
        for name, rows in self.tables.items():
            if rows:
                parts += [f"## {name.capitalize()}", table(rows)]
        seconds = [{"section": name, "s": taken} for name, taken in self._budget.taken.items()]
        parts += ["## Time", table(seconds)] if seconds else []
        for title, lines in {
            "Skipped": self._budget.skipped,
            "Failed": self._budget.failed,
        }.items():
            parts += [f"## {title}", "\n".join(f"* {line}" for line in lines)] if lines else []
        return "\n\n".join(parts) + "\n"

    def wanted(self) -> list[dict[str, object]]:
        """What is wanted of an H100, and what was measured."""
        on_gpu = self._plan.device.type == "cuda"
        name = torch.cuda.get_device_name(self._plan.device) if on_gpu else "a CPU"
        fits = bool(re.search(WANTED_ON, name))
        scored = self._best("scoring", "images/s", {})
        share = self._best("kinds", "share of peak", {"kind": CONVOLUTIONS})
        return [
            _verdict("images/s, scoring, mfclip", IMAGES_A_SECOND, scored, fits, name),
            _verdict("share of peak, convolutions, mfclip", SHARE_OF_PEAK, share, fits, name),
        ]

    def _best(self, name: str, column: str, where: Mapping[str, object]) -> float | None:
        """The largest figure of a column in the rows of `mfclip`; None where there is none."""
        wanted = {"assembly": "mfclip", **where}
        rows = [r for r in self.tables.get(name, []) if wanted.items() <= r.items()]
        figures = [value for r in rows if isinstance(value := r[column], float)]
        return max(figures, default=None)

    def _head(self) -> str:
        lines = [f"{machine(self._plan.device)}; {precision_name(self._plan.precision)}"]
        for name, own in self._plan.overrides.items():
            lines.append(f"{name} made tiny: {', '.join(own)}")
        if self.peak is not None:
            sheet = "not known" if self.peak.sheet is None else f"{self.peak.sheet:.0f} TFLOP/s"
            lines.append(
                f"peak by the data sheet: {sheet}; a large matrix product: "
                f"{self.peak.product:.3g} TFLOP/s; a large copy: {self.peak.copy:.3g} GB/s; "
                f"shares are of the {self.peak.origin}"
            )
        return "\n".join(f"* {line}" for line in lines)


def _verdict(
    what: str, wanted: float, measured: float | None, fits: bool, name: str
) -> dict[str, object]:
    if measured is None:
        verdict = "not measured"
    elif not fits:
        verdict = f"wanted of an H100, this is {name}"
    else:
        verdict = "reached" if measured >= wanted else "not reached"
    cell = "" if measured is None else measured
    return {"what": what, "wanted": f">= {wanted}", "measured": cell, "verdict": verdict}
