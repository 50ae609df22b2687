"""Test AUC of several bundles side by side, per group and per generator, with intervals.

python benchmarks/results_table.py runs/a runs/b
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

Figures = dict[str, dict[str, Any]]


def figures(bundle: Path) -> Figures:
    """Rows of the bundle's evaluation by name."""
    found = json.loads((bundle / "metrics.json").read_text(encoding="utf-8"))
    groups = {f"group {row['name']}": row for row in found["groups"]}
    generators = {f"generator {row['name']}": row for row in found["generators"]}
    mean = {"mean of groups": found["mean"]} if found.get("mean") else {}
    return {"all images": found["overall"], **mean, **groups, **generators}


def cell(row: dict[str, Any] | None, metric: str) -> str:
    if row is None:
        return "–"
    value, low, high = (100 * row[metric][name] for name in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--metric", default="roc_auc")
    options = parser.parse_args()
    columns = {bundle.name: figures(bundle) for bundle in options.bundles}
    print(f"| test images | real / fake | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    first = next(iter(columns.values()))
    for name, row in first.items():
        cells = [cell(column.get(name), options.metric) for column in columns.values()]
        print(f"| {name} | {row['reals']} / {row['fakes']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
