"""A detector as an OpenVINO model: float32, computed in bfloat16, or with layers in int8."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mfclip.errors import UsageError
from mfclip.exporting.about import KEY, ExportedModel
from mfclip.exporting.packages import needed, openvino_core

MODEL = "model.xml"
"""The graph; its weights lie beside it in ``model.bin``."""
CALIBRATED_ON = 8
"""Fewest images that the ranges of an int8 model are taken from."""
CHOOSING, FILTERING = {"TopK"}, {"Convolution", "GroupConvolution"}


def to_openvino(onnx: Path) -> Any:
    """The model of an ONNX file. Raises :class:`MissingExtraError` without openvino."""
    return openvino_core().read_model(onnx)


def to_int8(model: Any, samples: Sequence[Tensor], prepared: Callable[[Tensor], np.ndarray]) -> Any:
    """A model whose layers compute in int8, with ranges taken from the samples.

    What chooses a patch and what filters it with whole numbers stays in float32, with all that
    leads there: rounded, it would choose other patches, and the filters would let the picture
    through.

    Raises
    ------
    MissingExtraError
        Where nncf is not installed.
    UsageError
        Where there are too few samples.
    """
    (nncf,) = needed("openvino", "an int8 model", "nncf")
    if len(samples) < CALIBRATED_ON:
        raise UsageError(
            f"an int8 model is calibrated on half of the given images, and that is {len(samples)}; "
            f"give at least {2 * CALIBRATED_ON} with --images, of the kind that it will score"
        )
    kept = sorted(kept_exact(model))
    logging.getLogger("nncf").setLevel(logging.ERROR)
    with redirect_stdout(StringIO()):  # its progress, a page long
        return nncf.quantize(
            model,
            nncf.Dataset(list(samples), prepared),
            subset_size=len(samples),
            ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
        )


def kept_exact(model: Any) -> set[str]:
    """Names of the operations that choose, that filter with whole numbers, and that lead there."""
    found: dict[str, Any] = {}
    waiting = [op for op in model.get_ordered_ops() if _decides(op)]
    while waiting:
        op = waiting.pop()
        name = op.get_friendly_name()
        if name not in found and op.get_type_name() not in ("Constant", "Parameter"):
            found[name] = op
            waiting += _sources(op)
    return set(found)


def int8_layers(model: Any) -> tuple[int, int]:
    """Convolutions and matrix products that compute in int8, and how many there are."""
    layers = [op for op in model.get_ordered_ops() if op.get_type_name() in {*FILTERING, "MatMul"}]
    reads_int8 = [any(_is_quantised(source) for source in _sources(op)) for op in layers]
    return sum(reads_int8), len(layers)


def save(model: Any, folder: Path, about: ExportedModel) -> None:
    """Write ``model.xml`` and ``model.bin`` with the table in the model's own information."""
    (openvino,) = needed("openvino", "an OpenVINO model", "openvino")
    model.set_rt_info(about.model_dump_json(), [KEY])
    openvino.save_model(model, folder / MODEL, compress_to_fp16=False)


def _decides(op: Any) -> bool:
    kind = op.get_type_name()
    return kind in CHOOSING or (kind in FILTERING and _has_whole_numbers(op))


def _has_whole_numbers(op: Any) -> bool:
    """Whether the weights are a formula's and not learned."""
    weights = list(_sources(op))[1]
    while weights.get_type_name() in ("Convert", "Reshape"):
        weights = next(_sources(weights))
    if weights.get_type_name() != "Constant":
        return False
    values = weights.data
    return bool(np.all(values == np.round(values)))


def _is_quantised(op: Any) -> bool:
    return bool(op.get_type_name() == "FakeQuantize")


def _sources(op: Any) -> Iterator[Any]:
    for one in op.inputs():
        yield one.get_source_output().get_node()
