"""What is written is read back."""

import json

import pytest
import torch
from safetensors.torch import load_file

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.detector.assemble import assemble
from mfclip.errors import BundleError, PluginError, UsageError

PROMPT = torch.tensor([0, 2, 1, 2])


def test_a_bundle_holds_every_file_and_lists_them(folder, contents):
    write_bundle(folder, contents)
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == [
        *("README.md", "bundle.json", "history/loss.csv", "metrics.json"),
        *("model.safetensors", "prompts.json", "recipe.toml", "report.html"),
    ]
    assert json.loads((folder / "bundle.json").read_text())["files"] == found
    assert (folder / "history" / "loss.csv").read_bytes() == b"1,2\r\n"
    assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


def test_everybody_may_read_the_weights_who_may_read_the_rest(folder, contents):
    write_bundle(folder, contents)
    modes = {(folder / name).stat().st_mode for name in ("bundle.json", "model.safetensors")}
    assert len(modes) == 1


def test_what_is_read_is_what_was_written(folder, contents, read):
    write_bundle(folder, contents)
    bundle = read(folder)
    assert bundle.recipe == contents.recipe
    assert bundle.prompts.labels == contents.prompts.labels
    assert torch.equal(bundle.prompts.tokens, contents.prompts.tokens)
    assert bundle.about.operating == contents.operating
    overall = contents.metrics["overall"]
    assert bundle.metrics["overall"]["roc_auc"] == overall["roc_auc"]
    assert bundle.metrics["overall"]["equal_error_rate"]["value"] is None
    assert bundle.about.labels == {"real": 0, "fake": 1}
    kept = contents.recipe.preprocessing.model_dump(exclude={"faces"})
    assert bundle.about.preprocessing.model_dump() == kept
    assert (bundle.about.data_fingerprint, bundle.about.seed) == ("f" * 64, 7)
    assert bundle.changes == ()


def test_the_detector_comes_back_whole(folder, contents, read, images):
    write_bundle(folder, contents)
    detector = read(folder).detector()
    assert not detector.training
    with torch.no_grad():
        found, wanted = detector(images, PROMPT), contents.detector(images, PROMPT)
    for name in ("logits", "visual", "text", "predicted_text"):
        assert torch.equal(getattr(found, name), getattr(wanted, name)), name
    assert torch.equal(found.similarity.v2l, wanted.similarity.v2l)


@pytest.mark.parametrize("kept", [True, False])
def test_scoring_needs_no_text_side(folder, contents, read, kept, images):
    write_bundle(folder, contents, text_side=kept)
    detector = read(folder).detector(text_side=False)
    assert (detector.text, detector.predictor, detector.alignment) == (None, None, None)
    with torch.no_grad():
        assert torch.equal(detector(images).logits, contents.detector(images).logits)


def test_without_its_text_side_a_bundle_is_smaller_and_says_so(folder, contents, read):
    write_bundle(folder, contents, text_side=False)
    names = load_file(folder / "model.safetensors").keys()
    assert {name.split(".")[0] for name in names} == {"vision", "head"}
    bundle = read(folder)
    assert bundle.detector().text is None
    with pytest.raises(BundleError, match="saved without its text side"):
        bundle.detector(text_side=True)


def test_a_whole_detector_of_a_plugin_is_kept(folder, recipe, parts, read, plugins, images):
    whole = recipe.model_copy(
        update={"vision": None, "text": None, "detector": parts["TinyDetector"](), "loss": ()}
        | {"prompts": None, "alignment": None}
    )
    detector = assemble(whole, None)
    write_bundle(folder, BundleContents(detector, whole, needs=needs_of(whole, plugins)))
    bundle = read(folder)
    assert not bundle.about.text_side
    assert bundle.prompts is None
    assert bundle.metrics == {}
    assert torch.equal(bundle.detector()(images).logits, detector(images).logits)


def test_tied_and_strided_weights_are_kept(folder, contents, read):
    detector = contents.detector
    convolution = detector.vision.cnn[0]
    convolution.to(memory_format=torch.channels_last)
    detector.head.weight = torch.nn.Parameter(detector.predictor.weight[:2])
    write_bundle(folder, contents)
    state = read(folder).detector().state_dict()
    for name, value in detector.state_dict().items():
        assert torch.equal(state[name], value), name


def test_state_that_is_no_tensor_is_refused(folder, contents, monkeypatch):
    kind = type(contents.detector.vision)
    monkeypatch.setattr(kind, "get_extra_state", lambda self: {"a": 1}, raising=False)
    with pytest.raises(PluginError, match=r"vision\._extra_state.*dict.*pickled"):
        write_bundle(folder, contents)
    assert list(folder.parent.iterdir()) == []


def test_a_second_bundle_replaces_the_first(folder, contents, read):
    write_bundle(folder, contents)
    with torch.no_grad():
        contents.detector.head.bias.fill_(3)
    write_bundle(folder, contents)
    assert read(folder).detector().head.bias.tolist() == [3, 3]
    assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt", "a\\b", "c:d", ""])
def test_files_cannot_be_written_outside(folder, contents, name):
    contents.files[name] = "x"
    with pytest.raises(ValueError, match="no name of a file inside the bundle"):
        write_bundle(folder, contents)
    assert list(folder.parent.iterdir()) == []


def test_files_cannot_take_the_bundles_own_names(folder, contents):
    contents.files["model.safetensors"] = "x"
    with pytest.raises(UsageError, match=r"'model\.safetensors' is a name of the bundle's own"):
        write_bundle(folder, contents)
