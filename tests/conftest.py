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


@pytest.fixture(scope="session")
def red_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of :func:`write_red_network`."""
    return write_red_network(tmp_path_factory.mktemp("network") / "red.onnx")


def write_red_network(file: Path) -> Path:
    """An ONNX file with CenterFace's outputs that is known by heart.

    Each cell of 4 x 4 pixels that is red (255, 0, 0) all over has heat 1, of a duller red less, and
    is a face of width 32 and height 40 about a point 1 pixel right of and 1 pixel above the cell's
    middle, with points at the shares of :data:`RED_POINTS` of the box.
    """
    import math

    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def cells(name: str, channels: int, weight: float, bias: list[float]) -> None:
        kernel = np.zeros((channels, 3, 4, 4), np.float32)
        kernel[0] = np.array([weight, -weight, -weight]).reshape(3, 1, 1)
        constants.append(numpy_helper.from_array(kernel, f"{name}.w"))
        constants.append(numpy_helper.from_array(np.array(bias, np.float32), f"{name}.b"))
        inputs = ["image", f"{name}.w", f"{name}.b"]
        nodes.append(helper.make_node("Conv", inputs, [name], strides=[4, 4]))
        shape = ["n", channels, "rows", "columns"]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    nodes: list[object] = []
    constants: list[object] = []
    outputs: list[object] = []
    cells("heat", 1, 1 / (16 * 255), [0])
    cells("size", 2, 0, [math.log(40 / 4), math.log(32 / 4)])
    cells("offset", 2, 0, [-0.25, 0.25])
    cells("points", 10, 0, [share for x, y in RED_POINTS for share in (y, x)])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph(nodes, "red", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, file)
    return file


RED_POINTS = ((0.25, 0.4), (0.75, 0.4), (0.5, 0.6), (0.3, 0.8), (0.7, 0.8))
"""x and y of the five points, as shares of the box's width and height."""
