"""``benchmarks/gpu.py`` from outside: every section on tiny networks, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ABSENT = (
    *("accelerate", "matplotlib", "rich", "scipy", "skimage", "sklearn", "tensorboard"),
    *("transformers", "typer"),
)
"""Requirements of mfclip that a machine with torch alone lacks, and the script does without."""
RUN = f"""
import runpy, sys
for name in {ABSENT}:
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
sys.argv = ["gpu.py", *sys.argv[2:]]
runpy.run_path(sys.path[0] + "/gpu.py", run_name="__main__")
"""
SECTIONS = ("scoring", "kinds", "layers", "training", "jpeg")


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, BENCHMARKS, "--device", "cpu", "--out", folder, *words]
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"MFCLIP_BF16_UNITS": "no"},
    )


def test_every_section_without_a_compiler_is_measured(tmp_path: Path) -> None:
    done = run(tmp_path, "--seconds", 200, "--only", *SECTIONS)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert (record["failed"], record["skipped"], record["precision"]) == ([], [], "fp32")
    assert list(record["tables"]) == list(SECTIONS)
    for name, rows in record["tables"].items():
        assemblies = {row.get("assembly", "mfclip") for row in rows}
        assert assemblies == ({"mfclip"} if name == "layers" else {"mfclip", "mfclip-clip"})
    for row in record["tables"]["scoring"] + record["tables"]["training"]:
        assert row["images/s"] > 0
        assert 0 < row["share of peak"] < 10
    assert {row["kind"] for row in record["tables"]["kinds"]} == {
        *("convolutions", "matrix products", "the rest")
    }
    assert max(row["log-odds off"] for row in record["tables"]["jpeg"]) < 1e-4
    images, share = record["wanted"]
    assert images["measured"] == max(
        row["images/s"] for row in record["tables"]["scoring"] if row["assembly"] == "mfclip"
    )
    assert {images["verdict"], share["verdict"]} == {"wanted of an H100, this is a CPU"}
    page = (tmp_path / "gpu.md").read_text()
    assert page in done.stdout
    assert page.count("\n## ") == 2 + len(SECTIONS)


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--seconds", 12, "--only", "compiled-scoring", "compiled-training")
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert record["tables"] == {}
    assert [line.partition(":")[0] for line in record["skipped"]] == [
        *("compiled-scoring of mfclip", "compiled-scoring of mfclip-clip"),
        *("compiled-training of mfclip", "compiled-training of mfclip-clip"),
    ]
    assert all("of 20 s needed" in line for line in record["skipped"])
    assert {row["verdict"] for row in record["wanted"]} == {"not measured"}
    assert "## Skipped" in done.stdout
