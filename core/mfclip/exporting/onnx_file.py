"""A detector as one ONNX file with any number of images in a batch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from mfclip.errors import BundleError, PluginError
from mfclip.exporting.about import INPUT, KEY, LOG_ODDS, P_FAKE, ExportedModel
from mfclip.exporting.packages import needed
from mfclip.exporting.subject import Scorer

OPSET = 20
"""Of ONNX: the first with GELU as one operation."""
LARGEST = 2**31 - 2**20
"""Bytes of weights that fit into one file: a protobuf message holds 2 GiB."""


def write_onnx(path: Path, scorer: Scorer, shape: tuple[int, ...], about: ExportedModel) -> None:
    """Write the model with its table in the metadata.

    Parameters
    ----------
    shape
        Of one sample: (3, s, s), or (T, 3, s, s) of a clip.

    Raises
    ------
    MissingExtraError
        Where onnx or onnxscript is not installed.
    PluginError
        Where a part's forward cannot be traced.
    BundleError
        Where the weights are too large for one file.
    """
    onnx, _ = needed("onnx", "an ONNX file", "onnx", "onnxscript")
    size = sum(value.nbytes for value in scorer.state_dict().values())
    if size > LARGEST:
        raise BundleError(f"{size} bytes of weights do not fit into one ONNX file of {LARGEST}")
    program = torch.onnx.export(
        _traced(scorer, shape),
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[LOG_ODDS, P_FAKE],
    )
    assert program is not None
    proto = program.model_proto
    _name_batch(proto.graph)
    onnx.helper.set_model_props(proto, {KEY: about.model_dump_json()})
    proto.producer_name, proto.producer_version = "mfclip", about.mfclip
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def _name_batch(graph: Any) -> None:
    """Call the open dimension ``batch`` wherever it is told; tracing numbers it."""
    traced = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == traced:
                size.dim_param = "batch"


def _traced(scorer: Scorer, shape: tuple[int, ...]) -> torch.export.ExportedProgram:
    """The forward as a graph that holds for every number of images.

    Bytecode is followed first, because only there ``len(images)`` stays open; then Python itself.
    """
    sample = torch.zeros(2, *shape)
    open_batch: Any = {INPUT: {0: torch.export.Dim("batch")}}
    failures = []
    for strict in (True, False):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return torch.export.export(
                    scorer, (sample,), dynamic_shapes=open_batch, strict=strict
                )
        except Exception as error:  # whatever somebody's forward does
            failures.append(error)
    told = " ".join(str(failures[0]).split())[:400]
    raise PluginError(
        f"the detector cannot be traced for ONNX: {type(failures[0]).__name__}: {told}. One of its "
        "parts takes decisions in Python that depend on the images, or on how many there are. "
        "Export it with --to transformers, which runs the parts themselves, or take another part."
    ) from failures[0]
