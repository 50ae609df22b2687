"""What ten thousand, a hundred thousand and a million rows cost: seconds and memory of every stage.

A synthetic table: 20 frames an identity, of a real video and of one of 12 generators' fakes, in 4
groups, no split named. Its paths lead, through links to one folder, to 1000 small JPEG files, so a
million paths can be opened. Each stage runs in a process of its own, which reads the manifest
first; the memory of that is told as well. Run:

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
from pathlib import Path

ROWS = (10_000, 100_000, 1_000_000)
FRAMES, PEOPLE = 20, 50
"""Images of an identity, and identities of a folder."""
SAMPLE = 10_000
"""Files that the sampled data check reads."""
BATCH = 24
GENERATORS = (
    *(("EFS", "diffusion", name) for name in ("ddpm", "ldm", "collabdiff")),
    *(("EFS", "GAN", name) for name in ("stylegan2", "stylegan3", "vqgan")),
    *(("AM", "GAN", name) for name in ("ganimation", "starganv2", "latent-transformer")),
    *(("FS", "GAN", name) for name in ("faceswapper", "mobileswap", "simswap")),
)
TO_PARQUET = """
import sys
from pathlib import Path
from mfclip.data.manifest import read_manifest, write_manifest
folder = Path(sys.argv[1])
write_manifest(read_manifest(folder / "manifest.csv"), folder / "manifest.parquet")
"""
Task = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--out", type=Path, help="keep the tables and the figures here")
    parser.add_argument(
        "--picture", type=Path, help="draw seconds and memory over rows: .svg, .png"
    )
    parser.add_argument("--one", nargs=2, metavar=("STAGE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        stage, folder = options.one
        print(json.dumps(measure(stage, Path(folder))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            run(stage, make_data(options.out or Path(scratch), rows), rows)
            for rows in options.rows
            for stage in options.stages
        ]
        if options.out:
            (options.out / "million-rows.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    if options.picture:
        draw(found, options.picture)


def run(stage: str, folder: Path, rows: int) -> dict[str, float | str]:
    """One stage in a process of its own."""
    command = [sys.executable, __file__, "--one", stage, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told = {"stage": stage, "rows": rows, **json.loads(done.stdout)}
    print(json.dumps(told), file=sys.stderr)
    return told


def measure(stage: str, folder: Path) -> dict[str, float]:
    """Seconds of a stage, and MiB: before it, and at the peak of the whole process."""
    task = STAGES[stage](folder)
    before, start, worked = resident(), time.perf_counter(), processor()
    task()
    seconds, worked = time.perf_counter() - start, processor() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor": worked, "before": before, "peak": peak}


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


def read(folder: Path, *, split: bool = True):
    """The manifest as a build has it."""
    from mfclip.data.manifest import read_manifest
    from mfclip.data.splits import assign_splits

    manifest = read_manifest(folder / "manifest.csv")
    return assign_splits(manifest, (0.7, 0.15, 0.15), 0) if split else manifest


def reads_csv(folder: Path) -> Task:
    import mfclip.data.manifest  # noqa: F401 - importing is not timed

    return lambda: read(folder, split=False)


def reads_parquet(folder: Path) -> Task:
    from mfclip.data.manifest import read_manifest

    file = folder / "manifest.parquet"
    if not file.exists():  # by another process: this one's memory is measured
        subprocess.run([sys.executable, "-c", TO_PARQUET, folder], check=True)
    return lambda: read_manifest(file)


def writes(folder: Path) -> Task:
    from mfclip.data.manifest import write_manifest

    manifest = read(folder)
    return lambda: write_manifest(manifest, folder / "written.csv")


def splits(folder: Path) -> Task:
    from mfclip.data.splits import assign_splits

    manifest = read(folder, split=False)
    return lambda: assign_splits(manifest, (0.7, 0.15, 0.15), 0)


def counterparts(folder: Path) -> Task:
    from mfclip.data.pairs import with_counterparts

    manifest = read(folder)
    return lambda: with_counterparts(manifest)


def checks_rows(folder: Path) -> Task:
    from mfclip.data.audit.counts import check_counts
    from mfclip.data.audit.identities import check_identities
    from mfclip.data.audit.levels import check_levels
    from mfclip.data.audit.videos import check_videos
    from mfclip.data.manifest import NAMED_SPLITS

    manifest = read(folder)

    def check() -> None:
        list(check_counts(manifest, NAMED_SPLITS))
        for one in (check_identities, check_videos, check_levels):
            list(one(manifest))

    return check


def checks_files(folder: Path) -> Task:
    from mfclip.data.audit import audit

    manifest = read(folder)
    return lambda: audit(manifest, sample=SAMPLE, looks=True)


def folds(folder: Path) -> Task:
    from mfclip.data.kind_folds import kind_folds

    manifest = read(folder)
    return lambda: kind_folds(manifest, "generator")


def protocols(folder: Path) -> Task:
    from mfclip.bench.protocols import make_protocol

    manifest = read(folder)
    return lambda: make_protocol("leave-one-out", manifest)


def prompts(folder: Path) -> Task:
    from mfclip.data.prompts import PromptTable
    from mfclip.parts import BuildContext
    from mfclip_text.parts import HierarchicalPrompts

    manifest = read(folder)
    renderer = HierarchicalPrompts().build(BuildContext())
    return lambda: PromptTable.make(manifest.of_split("train").labels(), renderer)


def fingerprints(folder: Path) -> Task:
    manifest = read(folder)
    return manifest.fingerprint


def loads(sampling: str) -> Callable[[Path], Task]:
    def stage(folder: Path) -> Task:
        from mfclip.data.loader import training_loader

        train = read(folder)

        def first() -> object:
            loader = training_loader(
                train, None, batch_size=BATCH, seed=0, epoch=0, sampling=sampling, workers=2
            )
            return next(iter(loader))

        return first

    return stage


STAGES: dict[str, Callable[[Path], Task]] = {
    "read CSV": reads_csv,
    "read Parquet": reads_parquet,
    "write CSV": writes,
    "split": splits,
    "counterparts": counterparts,
    "check rows": checks_rows,
    f"check rows and {SAMPLE:,} files": checks_files,
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
    from matplotlib.figure import Figure

    figure = Figure((10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    marks = "osD^v<>PX*ph8d"
    for mark, stage in zip(marks, dict.fromkeys(one["stage"] for one in found), strict=False):
        own = [one for one in found if one["stage"] == stage]
        rows = [one["rows"] for one in own]
        left.plot(rows, [one["processor"] for one in own], marker=mark, label=stage)
        right.plot(rows, [one["peak"] for one in own], marker=mark)
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
