"""What installed plugins add to ``mfclip parts``: fresh processes with none, and with many.

The plugins are made in a temporary folder with the metadata that an installer writes: a package
with ``plugin.py`` and ``parts.py``, two parts of the size that ``mfclip new-plugin`` writes, and a
README in the metadata. All is compiled first, as installers do. With and without take turns.
Times are of the processor, so a busy machine matters less; it is one process that waits for
nothing, so they are also what a user waits.

    python benchmarks/plugin_cost.py --plugins 50 --turns 15
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import mfclip

TARGET = 0.2
"""Seconds that 50 plugins may add."""
PARTS = '''"""Parts of acme{n}."""

from __future__ import annotations

from typing import ClassVar, Literal

from mfclip import BuildContext, ImageEncoder, Loss
from pydantic import Field


class AcmeVit(ImageEncoder):
    """A vision transformer of acme{n}."""

    modules: ClassVar[tuple[str, ...]] = ("timm",)

    use: Literal["acme{n}-vit"] = "acme{n}-vit"
    """Name of the part."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding."""
    depth: int = Field(default=6, ge=1, le=48)
    """Transformer blocks."""

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def build(self, context: BuildContext):
        """Make the module."""
        from torch import nn

        return nn.Flatten()


class AcmeFocal(Loss):
    """Focal loss of acme{n}."""

    use: Literal["acme{n}-focal"] = "acme{n}-focal"
    """Name of the part."""
    gamma: float = Field(default=2.0, ge=0)
    """Exponent."""

    def build(self, context: BuildContext):
        """Make the module."""
        from torch import nn

        return nn.CrossEntropyLoss()
'''
PLUGIN = '''"""Hooks of acme{n}."""

from mfclip import hookimpl

from acme{n}.parts import AcmeFocal, AcmeVit

MFCLIP_HOOKS = 1


@hookimpl
def mfclip_encoders():
    """Offer the encoder."""
    return [AcmeVit]


@hookimpl
def mfclip_losses():
    """Offer the loss."""
    return [AcmeFocal]
'''
METADATA = """\
Metadata-Version: 2.4
Name: acme{n}
Version: 1.{n}
Summary: A vision transformer and a loss.
Requires-Python: >=3.11
Requires-Dist: mfclip>=0.1
Requires-Dist: timm>=1.0
Description-Content-Type: text/markdown

"""


def install(site: Path, plugins: int) -> None:
    """Write that many installed distributions into a folder, and compile them."""
    for n in range(plugins):
        package, info = site / f"acme{n}", site / f"acme{n}-1.{n}.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        files = {
            package / "__init__.py": f'"""acme{n}."""\n',
            package / "parts.py": PARTS.replace("{n}", str(n)),
            package / "plugin.py": PLUGIN.replace("{n}", str(n)),
            info / "METADATA": METADATA.format(n=n) + "A line of the README.\n" * 100,
            info / "entry_points.txt": f"[mfclip]\nacme{n} = acme{n}.plugin\n",
        }
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    compileall.compile_dir(site, quiet=1)


def seconds(environment: dict[str, str], parts: int) -> float:
    """Processor seconds of ``mfclip parts --json`` in a fresh process; it must list all parts."""
    program = Path(sys.executable).with_name("mfclip")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, "parts", "--json"], env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    listed = json.loads(done.stdout)
    acme = [part for part in listed["parts"] if part["distribution"].startswith("acme")]
    assert (len(acme), listed["broken"]) == (parts, []), listed["broken"]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    runs: list[tuple[float, float]] = []
    # Both search one more folder, since an installer puts plugins beside everything else.
    with tempfile.TemporaryDirectory() as nothing, tempfile.TemporaryDirectory() as folder:
        install(Path(folder), options.plugins)
        none, many = {**plain, "PYTHONPATH": nothing}, {**plain, "PYTHONPATH": folder}
        for _ in range(options.turns + 1):
            runs.append((seconds(none, 0), seconds(many, 2 * options.plugins)))
    del runs[0]  # it compiled what was not compiled yet
    without, with_all = (statistics.median(column) for column in zip(*runs, strict=True))
    added = statistics.median(full - empty for empty, full in runs)
    verdict = "met" if added < TARGET else "missed"
    print(f"mfclip {mfclip.__version__}, processor seconds, median of {options.turns} turns")
    print(f"  no plugins: {without:.3f}")
    print(f"  {options.plugins} plugins: {with_all:.3f} ({with_all / without:.2f} times)")
    print(f"  added:      {added:.3f} (target for 50: {TARGET}: {verdict})")


if __name__ == "__main__":
    main()
