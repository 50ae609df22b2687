"""What ten thousand, a hundred thousand and a million rows cost: seconds and memory of every stage.

A synthetic table: 20 frames an identity, of a real video and of one of 12 generators' fakes, in 4
groups, no split named. Its paths lead, through links to one folder, to 1000 small JPEG files, so a
million paths can be opened. One process a size reads the table and splits it; it forks one for each
further stage, so that the peak of a stage is its own, the manifest included. Run:

    python benchmarks/million_rows.py [--rows 10000 100000 1000000] [--out FOLDER] [--picture FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.sampling import Sampling

ROWS = (10_000, 100_000, 1_000_000)
FRAMES, PEOPLE = 20, 50
"""Images of an identity, and identities of a folder."""
SAMPLE = 10_000
"""Files that the sampled data check reads: their heads, and whole where lengths are equal."""
BATCH = 24
GENERATORS = (
    *(("EFS", "diffusion", name) for name in ("ddpm", "ldm", "collabdiff")),
    *(("EFS", "GAN", name) for name in ("stylegan2", "stylegan3", "vqgan")),
    *(("AM", "GAN", name) for name in ("ganimation", "starganv2", "latent-transformer")),
    *(("FS", "GAN", name) for name in ("faceswapper", "mobileswap", "simswap")),
)
Task = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--out", type=Path, help="keep the tables and the figures here")
    parser.add_argument("--picture", type=Path, help="draw them: .svg or .png")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_all(options.one)
        return
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        found = [one for rows in options.rows for one in run(make_data(out, rows), rows)]
        (out / "million-rows.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    if options.picture:
        draw(found, options.picture)


def run(folder: Path, rows: int) -> list[dict[str, float | str]]:
    """Every stage of one size, in processes of their own."""
    command = [sys.executable, __file__, "--one", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        found = [{"rows": rows, **json.loads(line)} for line in running.stdout]
    if running.returncode:
        raise SystemExit(f"a stage of {rows} rows failed")
    return found


def measure_all(folder: Path) -> None:
    """Print a line of JSON for each stage."""
    from mfclip.data.manifest import read_manifest
    from mfclip.data.splits import assign_splits

    read, found = timed(lambda: read_manifest(folder / "manifest.csv"))
    tell("read CSV", found)
    split, found = timed(partial(assign_splits, read, (0.7, 0.15, 0.15), 0))
    tell("split", found)
    del read
    for stage, prepare in STAGES.items():
        child = os.fork()
        if not child:
            tell(stage, timed(prepare(split, folder))[1])
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{stage} failed")


def tell(stage: str, found: dict[str, float]) -> None:
    line = json.dumps({"stage": stage, **found})
    print(line, flush=True)
    print(line, file=sys.stderr)


def timed(task: Task) -> tuple[Any, dict[str, float]]:
    """What a task gives; its seconds, and MiB before it and at the peak of the process."""
    before, start, worked = resident(), time.perf_counter(), processor()
    given = task()
    seconds, worked = time.perf_counter() - start, processor() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return given, {"seconds": seconds, "processor": worked, "before": before, "peak": peak}


def processor() -> float:
    """Processor seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def make_data(folder: Path, rows: int) -> Path:
    """The table as CSV, and what its paths lead to; made once."""
    place = folder / str(rows)
    if (place / "manifest.csv").exists():
        return place
    place.mkdir(parents=True)
    make_files(folder / "files")
    for number in range(-(-rows // (FRAMES * PEOPLE))):
        (place / f"{number:04}").symlink_to(folder.resolve() / "files")
    heading = "path,label,forgery,family,generator,split,identity,group,video\n"
    with (place / "manifest.csv").open("w") as stream:
        stream.write(heading)
        stream.writelines(lines(rows))
    return place


def lines(rows: int) -> Iterator[str]:
    for row in range(rows):
        person, frame = divmod(row, FRAMES)
        kind, shot = divmod(frame, FRAMES // 2)
        label = ("real", "fake")[kind]
        path = f"{person // PEOPLE:04}/{person % PEOPLE:02}-{label}-{shot:02}.jpg"
        levels = ",".join(GENERATORS[person % len(GENERATORS)]) if kind else ",,"
        yield f"{path},{label},{levels},,p{person:06},set-{person % 4},v{person:06}-{label}\n"


def make_files(folder: Path) -> None:
    """One small JPEG for each name in a folder, each with content of its own."""
    import numpy as np
    from PIL import Image

    if folder.exists():
        return
    folder.mkdir()
    dice = np.random.default_rng(0)
    for number in range(FRAMES * PEOPLE):
        person, frame = divmod(number, FRAMES)
        label = ("real", "fake")[frame // (FRAMES // 2)]
        coarse = Image.fromarray(dice.integers(0, 256, (12, 12, 3), np.uint8))
        smooth = coarse.resize((64, 64), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{person:02}-{label}-{frame % (FRAMES // 2):02}.jpg", quality=90)


def writes(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.manifest import write_manifest

    return lambda: write_manifest(manifest, folder / "written.csv")


def writes_parquet(manifest: Manifest, folder: Path) -> Task:
    import pyarrow.parquet  # noqa: F401 - importing is not timed

    from mfclip.data.manifest import write_manifest

    return lambda: write_manifest(manifest, folder / "manifest.parquet")


def reads_parquet(manifest: Manifest, folder: Path) -> Task:
    import pyarrow.parquet  # noqa: F401 - importing is not timed

    from mfclip.data.manifest import read_manifest

    return lambda: read_manifest(folder / "manifest.parquet")


def counterparts(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.pairs import with_counterparts

    return lambda: with_counterparts(manifest)


def checks_rows(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.audit.counts import check_counts
    from mfclip.data.audit.identities import check_identities
    from mfclip.data.audit.levels import check_levels
    from mfclip.data.audit.videos import check_videos
    from mfclip.data.manifest import NAMED_SPLITS

    def check() -> None:
        list(check_counts(manifest, NAMED_SPLITS))
        for one in (check_identities, check_videos, check_levels):
            list(one(manifest))

    return check


def checks_files(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.audit import audit

    return lambda: audit(manifest, sample=SAMPLE)


def folds(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.kind_folds import kind_folds

    return lambda: kind_folds(manifest, "generator")


def protocols(manifest: Manifest, folder: Path) -> Task:
    from mfclip.bench.protocols import make_protocol

    return lambda: make_protocol("leave-one-out", manifest)


def prompts(manifest: Manifest, folder: Path) -> Task:
    from mfclip.data.prompts import PromptTable
    from mfclip.parts import BuildContext
    from mfclip_text.parts import HierarchicalPrompts

    renderer = HierarchicalPrompts().build(BuildContext())
    return lambda: PromptTable.make(manifest.of_split("train").labels(), renderer)


def fingerprints(manifest: Manifest, folder: Path) -> Task:
    return manifest.fingerprint


def loads(sampling: Sampling) -> Callable[[Manifest, Path], Task]:
    def stage(manifest: Manifest, folder: Path) -> Task:
        from mfclip.data.loader import training_loader

        def first() -> object:
            loader = training_loader(
                manifest, None, batch_size=BATCH, seed=0, epoch=0, sampling=sampling, workers=2
            )
            return next(iter(loader))

        return first

    return stage


STAGES: dict[str, Callable[[Manifest, Path], Task]] = {
    "write CSV": writes,
    "write Parquet": writes_parquet,
    "read Parquet": reads_parquet,
    "counterparts": counterparts,
    "check rows": checks_rows,
    f"check rows, heads of {SAMPLE:,} files": checks_files,
    "folds": folds,
    "leave-one-out protocol": protocols,
    "prompts": prompts,
    "fingerprint": fingerprints,
    "first batch, shuffled": loads("shuffled"),
    "first batch, pairs": loads("pairs"),
    "first batch, balanced": loads("balanced"),
}


def draw(found: list[dict[str, float | str]], file: Path) -> None:
    """Processor seconds and peak memory of each stage over the rows, both axes logarithmic."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colours = colormaps["tab20"].colors
    figure = Figure((10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    stages = dict.fromkeys(one["stage"] for one in found)
    for mark, colour, stage in zip(cycle("osD^v<>PX*ph8dH"), cycle(colours), stages):
        own = [one for one in found if one["stage"] == stage]
        rows = [one["rows"] for one in own]
        left.plot(rows, [one["processor"] for one in own], marker=mark, color=colour, label=stage)
        right.plot(rows, [one["peak"] for one in own], marker=mark, color=colour)
    sizes = sorted({float(one["rows"]) for one in found})
    ends = [sizes[0], sizes[-1]]
    left.plot(ends, [end / 1e5 for end in ends], color="0.6", ls="--", label="10 µs a row")
    for axes, title in ((left, "processor seconds"), (right, "peak memory of the process, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="rows", title=title)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize="small", frameon=False)
    figure.savefig(file, dpi=110)


def table(found: list[dict[str, float | str]]) -> str:
    """Processor seconds (and by the clock), and peaks of the most rows; a stage a row."""
    sizes = list(dict.fromkeys(one["rows"] for one in found))
    heads = " | ".join(f"{size:,} rows, s" for size in sizes)
    lines = [
        f"| stage | {heads} | peak, MiB | before, MiB |",
        "|---|" + "---:|" * (len(sizes) + 2),
    ]
    for stage in dict.fromkeys(one["stage"] for one in found):
        own = [one for one in found if one["stage"] == stage]
        cells = [f"{one['processor']:.3g} ({one['seconds']:.3g})" for one in own]
        last = own[-1]
        lines.append(
            f"| {stage} | {' | '.join(cells)} | {last['peak']:.0f} | {last['before']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
