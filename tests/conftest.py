"""Fixtures that several folders of tests share."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

# Small tensors gain nothing from threads, and threads of several processes get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Install = Callable[..., Path]
"""``install(source, *, distribution, version, plugin, module, files)`` -> its folder."""


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a real third-party plugin without pip.

    A module, ``METADATA`` and ``entry_points.txt`` in a folder on ``sys.path`` are an installed
    distribution to Python; milliseconds each. All goes away with the test.
    """
    before = set(sys.modules)

    def install(
        source: str,
        *,
        distribution: str = "acme",
        version: str = "0.1",
        plugin: str = "acme",
        module: str | None = None,
        entry_points: str | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Path:
        module = module or f"{plugin.replace('-', '_')}_plugin"
        site = tmp_path / "site" / f"{distribution}-{plugin}"
        info = site / f"{distribution}-{version}.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        listed = entry_points or f"[mfclip]\n{plugin} = {module}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(listed, encoding="utf-8")
        for name, text in {f"{module}.py": source, **(files or {})}.items():
            (site / name).write_text(textwrap.dedent(text), encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        return site

    yield install
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).is_relative_to(tmp_path):
            del sys.modules[name]
