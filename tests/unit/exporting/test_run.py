"""An export as a whole: where it may be written, what it leaves behind."""

from __future__ import annotations

import pytest

from mfclip.errors import ExportDiffers, MissingExtraError, UsageError
from mfclip.exporting import packages
from mfclip.exporting.run import check_place, export


@pytest.mark.parametrize(
    ("name", "target", "arithmetic", "message"),
    [
        ("there", "openvino", "fp32", "is there already; remove it"),
        ("model", "onnx", "fp32", r"an ONNX file ends in \.onnx"),
        ("model.onnx", "transformers", "fp32", "writes a folder"),
        ("model.xml", "openvino", "fp32", "writes a folder"),
        ("model.onnx", "onnx", "bf16", "--arithmetic bf16 is for --to openvino"),
        ("model", "transformers", "int8", "--arithmetic int8 is for --to openvino"),
    ],
)
def test_a_place_that_does_not_fit_is_refused(tmp_path, name, target, arithmetic, message):
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match=message):
        check_place(tmp_path / name, target, arithmetic)


def test_over_the_tolerance_nothing_is_written(bundle, pictures, tmp_path):
    with pytest.raises(ExportDiffers, match=r"allowed is a difference of 0\."):
        export(bundle, tmp_path / "model.onnx", "onnx", pictures, tolerance=0.0)
    assert not list(tmp_path.glob("*model*"))


def test_within_the_tolerance_the_folder_appears(bundle, pictures, tmp_path):
    done = export(bundle, tmp_path / "out", "transformers", pictures)
    assert (tmp_path / "out" / "config.json").is_file()
    assert done.difference.largest < 1e-4
    assert done.difference.verdicts == 0
    assert done.difference.source == "32 drawn images"


def test_an_absent_package_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"an ONNX file needs .* 'mfclip\[onnx\]'"):
        packages.needed("onnx", "an ONNX file", "no_such_package")
