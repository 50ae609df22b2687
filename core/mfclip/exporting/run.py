"""``mfclip export``: write the model, compare it with the bundle, keep it if they agree."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from mfclip.bundle.folder import Bundle
from mfclip.errors import UsageError
from mfclip.exporting.about import Arithmetic, describe
from mfclip.exporting.compare import Difference, Probabilities, differ, require
from mfclip.exporting.exported import SessionPredictor
from mfclip.exporting.onnx_file import write_onnx
from mfclip.exporting.openvino_model import int8_layers, save, to_int8, to_openvino
from mfclip.exporting.pictures import Pictures
from mfclip.exporting.sessions import open_session
from mfclip.exporting.subject import check_exportable, scorer
from mfclip.files import replace_file, replace_folder, sync
from mfclip.inference.predict import Predictor

Target = Literal["onnx", "openvino", "transformers"]
TOLERANCES: dict[Arithmetic, float] = {"fp32": 1e-3, "bf16": 0.02, "int8": 0.05}
"""Largest difference of ``p_fake`` that is let through, where none is given."""
ADVICE = {
    "fp32": "Report it with the recipe.",
    "bf16": "Bfloat16 has eight bits, too few to choose patches and filter noise by; export it in "
    "fp32, or let a larger difference through with --tolerance.",
    "int8": "Give more images of the kind that it will score with --images, export it in fp32, or "
    "let a larger difference through with --tolerance.",
}


@dataclass(frozen=True)
class Exported:
    """What was written."""

    difference: Difference
    notes: tuple[str, ...] = ()


def export(
    bundle: Bundle,
    out: Path,
    target: Target,
    pictures: Pictures,
    *,
    arithmetic: Arithmetic = "fp32",
    tolerance: float | None = None,
) -> Exported:
    """Write the bundle's detector for another runtime.

    The model is compared with the bundle, in float32, before it takes its place; an int8 model is
    calibrated on every second picture and compared on the others.

    Raises
    ------
    UsageError
        Where ``out`` is there already, or the detector needs more than pixels.
    ExportDiffers
        Where a score differs by more than ``tolerance``; nothing is written.
    """
    check_place(out, target, arithmetic)
    check_exportable(bundle, frames=target != "transformers")
    allowed = TOLERANCES[arithmetic] if tolerance is None else tolerance
    job = _Job(bundle, pictures, arithmetic, allowed)
    written: dict[Target, Callable[[Path], Exported]] = {
        "onnx": job.onnx,
        "openvino": job.openvino,
        "transformers": job.transformers,
    }
    return written[target](out)


def check_place(out: Path, target: Target, arithmetic: Arithmetic) -> None:
    """Raise :class:`UsageError` where the model cannot be written as asked; before any work."""
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} is there already; remove it, or give another name")
    if target == "onnx" and out.suffix != ".onnx":
        raise UsageError(f"{out}: an ONNX file ends in .onnx, by which `mfclip score` knows it")
    if target != "onnx" and out.suffix in (".onnx", ".xml"):
        raise UsageError(f"{out}: --to {target} writes a folder; give a name without an ending")
    if arithmetic != "fp32" and target != "openvino":
        raise UsageError(
            f"--arithmetic {arithmetic} is for --to openvino; --to {target} writes float32"
        )


@dataclass(frozen=True)
class _Job:
    bundle: Bundle
    pictures: Pictures
    arithmetic: Arithmetic
    tolerance: float

    def onnx(self, out: Path) -> Exported:
        """One file."""
        with replace_file(out) as staged, tempfile.TemporaryDirectory() as scratch:
            model = self._onnx_in(Path(scratch))
            found = self._compared(model, self.pictures.samples)
            staged.write_bytes(model.read_bytes())
        return Exported(found)

    def openvino(self, out: Path) -> Exported:
        """A folder with model.xml and model.bin."""
        about, notes = describe(self.bundle, self.arithmetic), tuple[str, ...]()
        compared, source = self.pictures.samples, self.pictures.source
        with tempfile.TemporaryDirectory() as scratch:
            model = to_openvino(self._onnx_in(Path(scratch)))
            if self.arithmetic == "int8":
                calibrated, compared = compared[::2], compared[1::2]
                model = to_int8(model, calibrated, self._prepared)
                inside, layers = int8_layers(model)
                notes = (f"{inside} of {layers} convolutions and matrix products are in int8",)
                source = f"{len(compared)} of {source}, calibrated on the other {len(calibrated)}"
            with replace_folder(out) as staged:
                save(model, staged, about)
                found = self._compared(staged, compared, source)
        return Exported(found, notes)

    def transformers(self, out: Path) -> Exported:
        """A folder that transformers' auto classes read."""
        from mfclip.exporting.huggingface import folder_predictor, write_folder

        with replace_folder(out) as staged:
            write_folder(staged, self.bundle)
            found = self._judged(folder_predictor(staged), self.pictures.samples)
        crops = "it takes crops of faces: none are found in whole pictures"
        return Exported(found, (crops,) if self.bundle.recipe.preprocessing.faces else ())

    def _onnx_in(self, folder: Path) -> Path:
        settings = self.bundle.recipe.preprocessing
        frames = () if settings.frames is None else (settings.frames,)
        path = folder / "model.onnx"
        shape = (*frames, 3, settings.size, settings.size)
        write_onnx(path, scorer(self.bundle), shape, describe(self.bundle))
        sync(path)
        return path

    def _compared(self, model: Path, samples: Sequence[Tensor], source: str = "") -> Difference:
        session = open_session(model)
        operating = session.about.operating
        predictor = SessionPredictor(session)
        return self._judged(lambda images: operating.p_fake(predictor(images)), samples, source)

    def _judged(
        self, exported: Probabilities, samples: Sequence[Tensor], source: str = ""
    ) -> Difference:
        operating = self.bundle.about.operating
        predictor = self._reference()
        found = differ(
            lambda images: operating.p_fake(predictor(images)),
            exported,
            samples,
            operating,
            source or self.pictures.source,
        )
        require(found, self.tolerance, ADVICE[self.arithmetic])
        return found

    def _reference(self) -> Predictor:
        return Predictor(
            self.bundle.detector(text_side=False),
            self.bundle.recipe.preprocessor(),
            device=torch.device("cpu"),
            precision=torch.float32,
        )

    def _prepared(self, image: Tensor) -> Float32[NDArray[np.float32], "1 *frames 3 size size"]:
        preprocess = self.bundle.recipe.preprocessor()
        return preprocess([image], torch.device("cpu")).numpy()
