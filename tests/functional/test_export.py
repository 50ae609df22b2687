"""``mfclip export`` and ``mfclip score`` on what it wrote, as a user runs them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mfclip_sample import sample_folder


@pytest.fixture(scope="module")
def faces() -> Path:
    return sample_folder(96, 64, 0) / "fake"


def scores(command, model, faces) -> list[dict[str, str]]:
    done = command("mfclip", "score", model, faces, "--format", "csv")
    return list(csv.DictReader(done.stdout.splitlines()))


def test_an_onnx_file_scores_as_its_bundle(command, bundle, faces, tmp_path):
    out = tmp_path / "tiny.onnx"
    done = command("mfclip", "export", bundle, out, "--to", "onnx", "--images", faces)
    assert "given images)" in done.stderr
    assert f"wrote {out}" in done.stderr
    expected, found = (scores(command, model, faces) for model in (bundle, out))
    assert len(found) == len(expected) > 20
    for one, other in zip(expected, found, strict=True):
        assert {**one, "p_fake": ""} == {**other, "p_fake": ""}
        assert float(other["p_fake"]) == pytest.approx(float(one["p_fake"]), abs=2e-6)
    again = command("mfclip", "export", bundle, out, "--to", "onnx", code=2)
    assert "is there already" in again.stderr


def test_a_folder_for_transformers_is_written_and_loads(command, bundle, tmp_path):
    from transformers import AutoModelForImageClassification

    import mfclip.transformers

    done = command("mfclip", "export", bundle, tmp_path / "out", "--to", "transformers")
    assert "0 other verdicts (32 drawn images)" in done.stderr
    model = AutoModelForImageClassification.from_pretrained(tmp_path / "out")
    assert isinstance(model, mfclip.transformers.MfclipForImageClassification)


def test_a_model_that_does_not_agree_is_not_written(command, bundle, tmp_path):
    out = tmp_path / "out"
    words = ("--to", "transformers", "--tolerance", "0")
    done = command("mfclip", "export", bundle, out, *words, code=12)
    assert "the exported model is not the bundle's" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("model", "--to", "onnx"), "an ONNX file ends in .onnx"),
        (("model", "--to", "openvino", "--arithmetic", "int8"), "name them with --images"),
        (("model.onnx", "--to", "onnx", "--arithmetic", "bf16"), "is for --to openvino"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_loaded(
    command, bundle, tmp_path, words, told
):
    done = command("mfclip", "export", bundle, *words, cwd=tmp_path, code=2)
    assert told in done.stderr
    assert not list(tmp_path.iterdir())
