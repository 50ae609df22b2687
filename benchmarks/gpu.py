"""A GPU with mfclip: scoring, decoding, training, and what brings them nearer to the peak.

One run of under six minutes measures `mfclip` and `mfclip-clip` (random weights, the recipes' own
sizes), prints Markdown, and writes the same as `gpu.md` and `gpu.json` after every section, so that
a run that is ended keeps what it has. Sections for which no time is left are named.

    python benchmarks/gpu.py [--out runs/gpu] [--seconds 330] [--device cuda] [--only scoring ...]

`--device cpu` runs the same sections on tiny networks, to see that the script works.

It needs torch, torchvision, the packages of `benchmarks/gpu.txt`, and mfclip itself, installed
without its other requirements. Without torchvision's CUDA decoder the JPEG section alone fails.
`torch.compile` needs a C compiler, and Triton on a GPU. Where a machine has torch and no index,
take wheels along (36 MB):

    pip wheel --no-deps -w wheels . && pip download --no-deps -d wheels -r benchmarks/gpu.txt
    pip install --no-index --no-deps wheels/*.whl    # there
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from on_gpu.budget import LEAST, Budget
from on_gpu.layers import convolutions
from on_gpu.peak import measured_peak
from on_gpu.pictures import from_jpeg
from on_gpu.report import Report
from on_gpu.scoring import Row, compiled_rows, kinds, sweep
from on_gpu.subject import Plan, Subject
from on_gpu.training import compiled_step, steps

from mfclip.compute.devices import choose_device
from mfclip.compute.precision import choose_precision

ASSEMBLIES = ("mfclip", "mfclip-clip")
COMPILING = 20.0
"""Seconds that must be left to begin compiling."""


COMMON = (
    *("preprocessing.size=32", "vision.noise.patch_size=16", "vision.noise.channels=8"),
    *("vision.noise.dim=32", "text.dim=32", "text.layers=1", "text.mlp=32"),
)
TINY = {
    "mfclip": (
        *COMMON,
        "vision.image.channels=[8,8,16,16,16]",
        *("vision.image.dim=32", "vision.image.depth=1", "vision.image.mlp=32"),
    ),
    "mfclip-clip": (
        *COMMON,
        *("vision.image.tower_width=48", "vision.image.layers=2", "vision.image.read=[1,2]"),
        *("vision.image.heads=4", "vision.image.project=32"),
    ),
}
"""Settings that make the recipes small enough for a processor to run every section."""


class Section(NamedTuple):
    """Some rows of a table, for each of some assemblies."""

    name: str
    table: str
    rows: Callable[[Subject], Iterator[Row]]
    assemblies: tuple[str, ...] = ASSEMBLIES
    least: float = LEAST


SECTIONS = (
    Section("scoring", "scoring", sweep),
    Section("kinds", "kinds", kinds),
    Section("layers", "layers", convolutions, ("mfclip",)),
    Section("training", "training", steps),
    Section("jpeg", "jpeg", from_jpeg),
    Section("compiled-scoring", "scoring", compiled_rows, least=COMPILING),
    Section("compiled-training", "training", compiled_step, least=COMPILING),
)
"""In the order in which they matter, those last that may take the rest of the time."""


def main() -> int:
    """Run the sections; 1 where one ended with an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="a folder")
    parser.add_argument("--seconds", type=float, default=330.0, help="for all of it")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    names = [section.name for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SECTION")
    options = parser.parse_args()
    plan = make_plan(choose_device(options.device), options.precision)
    budget = Budget(options.seconds)
    report = Report(options.out, plan, budget)
    budget.run("peak", lambda: report.begin(measured_peak(plan.device, plan.precision, 0.5)))
    if report.peak is not None:
        subjects = {name: Subject(name, plan, report.peak) for name in ASSEMBLIES}
        for section in (one for one in SECTIONS if one.name in options.only):
            for assembly in section.assemblies:
                run(section, subjects[assembly], budget, report)
    report.end()
    return int(bool(budget.failed))


def run(section: Section, subject: Subject, budget: Budget, report: Report) -> None:
    """Add the rows one by one, so that those before an interruption stay."""
    name = f"{section.name} of {subject.assembly}"
    budget.run(name, lambda: report.add(section.table, section.rows(subject)), section.least)
    report.write()


def make_plan(device: torch.device, precision: str) -> Plan:
    """Sizes for a GPU of a data centre, or tiny ones."""
    dtype = choose_precision(precision, device)
    if device.type == "cuda":
        batches, of_training = (1, 8, 32, 128, 256, 512, 1024), (24, 96, 256)
        return Plan(device, dtype, batches, 256, of_training, seconds=0.4, overrides={})
    return Plan(device, dtype, (1, 4), 4, (4,), seconds=0.03, overrides=TINY)


if __name__ == "__main__":
    raise SystemExit(main())
