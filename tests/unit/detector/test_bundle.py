"""What is written is read back, and whatever is wrong with a bundle is said."""

import errno
import json
import math
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mfclip.detector.assemble import assemble
from mfclip.detector.bundle import BundleContents, check_destination, read_bundle, write_bundle
from mfclip.detector.bundle_json import needs_of
from mfclip.discovery import BrokenPlugin, Offer, Plugins
from mfclip.errors import BundleError, PluginError, RecipeError, UsageError
from mfclip.registry import read_registry

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
PROMPT = torch.tensor([0, 2, 1, 2])


def offers(parts, version="1.2"):
    return Plugins(
        tuple(
            Offer(schema.kind, schema().use, schema, "tiny", "tiny-parts", version)
            for schema in parts.values()
        )
    )


@pytest.fixture
def plugins(parts):
    return offers(parts)


@pytest.fixture
def contents(recipe, prompts, plugins):
    torch.manual_seed(5)
    detector = assemble(recipe, prompts)
    detector(IMAGES)  # moves the batch norm's statistics, which must be kept as well
    return BundleContents(
        detector=detector.eval(),
        recipe=recipe,
        prompts=prompts,
        needs=needs_of(recipe, plugins),
        operating={"temperature": 1.5, "threshold": 0.4, "notes": ["a", "b"]},
        metrics={
            "overall": {
                "roc_auc": {"value": 0.9, "low": 0.8, "high": 0.95},
                "equal_error_rate": {"value": math.nan, "low": math.nan, "high": math.nan},
                "reals": 7,
            }
        },
        fingerprint="f" * 64,
        seed=7,
        images={"train": 30, "val": 5},
        files={"report.html": "<p>ü</p>", "history/loss.csv": b"1,2\r\n"},
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bundle"


@pytest.fixture
def read(plugins):
    registry = read_registry()
    return lambda folder, plugins=plugins: read_bundle(folder, plugins=plugins, registry=registry)


def change(folder, **values):
    """Change keys of bundle.json."""
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(about | values))


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
    assert bundle.about.preprocessing == contents.recipe.preprocessing
    assert (bundle.about.data_fingerprint, bundle.about.seed) == ("f" * 64, 7)
    assert bundle.changes == ()


def test_the_detector_comes_back_whole(folder, contents, read):
    write_bundle(folder, contents)
    detector = read(folder).detector()
    assert not detector.training
    with torch.no_grad():
        found, wanted = detector(IMAGES, PROMPT), contents.detector(IMAGES, PROMPT)
    for name in ("logits", "visual", "text", "predicted_text"):
        assert torch.equal(getattr(found, name), getattr(wanted, name)), name
    assert torch.equal(found.similarity.v2l, wanted.similarity.v2l)


@pytest.mark.parametrize("kept", [True, False])
def test_scoring_needs_no_text_side(folder, contents, read, kept):
    write_bundle(folder, contents, text_side=kept)
    detector = read(folder).detector(text_side=False)
    assert (detector.text, detector.predictor, detector.alignment) == (None, None, None)
    with torch.no_grad():
        assert torch.equal(detector(IMAGES).logits, contents.detector(IMAGES).logits)


def test_without_its_text_side_a_bundle_is_smaller_and_says_so(folder, contents, read):
    write_bundle(folder, contents, text_side=False)
    names = load_file(folder / "model.safetensors").keys()
    assert {name.split(".")[0] for name in names} == {"vision", "head"}
    bundle = read(folder)
    assert bundle.detector().text is None
    with pytest.raises(BundleError, match="saved without its text side"):
        bundle.detector(text_side=True)


def test_a_whole_detector_of_a_plugin_is_kept(folder, recipe, parts, read, plugins):
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
    assert torch.equal(bundle.detector()(IMAGES).logits, detector(IMAGES).logits)


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


def head_bias(bundle):
    """What tells the bundles of the following tests apart; reading it checks the whole bundle."""
    return bundle.detector().head.bias.tolist()


def set_bias(contents, value):
    with torch.no_grad():
        contents.detector.head.bias.fill_(value)


def test_a_disk_that_is_full_at_any_file_leaves_the_earlier_bundle(
    folder, contents, read, monkeypatch
):
    set_bias(contents, 1)
    write_bundle(folder, contents)
    set_bias(contents, 2)
    real, files = Path.write_bytes, sorted(p for p in folder.rglob("*") if p.is_file())
    for failing in [path.name for path in files if path.suffix != ".safetensors"]:

        def write(path, content, failing=failing):
            if path.name == failing:
                real(path, content[:3])
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, content)

        monkeypatch.setattr(Path, "write_bytes", write)
        with pytest.raises(BundleError, match=r"No space left.*what was there before is untouched"):
            write_bundle(folder, contents)
        assert head_bias(read(folder)) == [1, 1]
        assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


def test_weights_that_do_not_fit_on_the_disk_leave_the_earlier_bundle(folder, contents, read):
    set_bias(contents, 1)
    write_bundle(folder, contents)
    contents.detector.text.words = torch.nn.Embedding(100_000, 6)  # 2.4 MB
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(BundleError, match="could not write the bundle"):
            write_bundle(folder, contents)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert head_bias(read(folder)) == [1, 1]


def test_killed_at_any_point_one_of_both_bundles_can_be_read(folder, contents, read):
    """A process is killed at every third change of the disk until it gets through."""
    set_bias(contents, 1)
    write_bundle(folder, contents)
    set_bias(contents, 2)
    found, killed = [], True
    while killed:
        if not (child := os.fork()):
            kill_at_change(3 * len(found) + 1)
            write_bundle(folder, contents)
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        found.append(head_bias(read(folder)))
    assert len(found) > 10
    assert found == sorted(found)
    assert found[0] == [1, 1]
    assert found[-1] == [2, 2]


def kill_at_change(place):
    """Let this process be killed with SIGKILL at its n-th change of the disk."""
    changes = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        seen += event in changes
        if event in changes and seen == place:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


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


class TestDestination:
    def test_absent_empty_or_a_bundle_is_fine(self, folder, contents):
        check_destination(folder)
        folder.mkdir()
        check_destination(folder)
        write_bundle(folder, contents)
        check_destination(folder)

    def test_other_peoples_files_are_not_removed(self, folder, contents):
        folder.mkdir()
        (folder / "thesis.tex").write_text("years of work")
        with pytest.raises(UsageError, match=r"thesis\.tex.*\(1 in all\)"):
            write_bundle(folder, contents)
        assert (folder / "thesis.tex").exists()

    def test_nor_are_files_put_into_a_bundle(self, folder, contents):
        write_bundle(folder, contents)
        (folder / "history" / "notes.txt").write_text("mine")
        with pytest.raises(UsageError, match=r"history/notes\.txt"):
            write_bundle(folder, contents)

    def test_a_file_is_no_folder(self, folder):
        folder.write_text("")
        with pytest.raises(UsageError, match="is a file; a bundle is a folder"):
            check_destination(folder)


class TestRefused:
    @pytest.fixture(autouse=True)
    def written(self, folder, contents):
        write_bundle(folder, contents)

    def refused(self, read, folder, match, error=BundleError):
        with pytest.raises(error, match=match):
            read(folder)

    def test_no_bundle(self, read, tmp_path):
        self.refused(read, tmp_path, r"is no bundle: it has no bundle\.json")

    def test_no_folder(self, read, tmp_path):
        self.refused(read, tmp_path / "gone", "is no bundle")

    @pytest.mark.parametrize(
        "name", ["model.safetensors", "recipe.toml", "prompts.json", "metrics.json"]
    )
    def test_a_missing_file(self, read, folder, name):
        (folder / name).unlink()
        self.refused(read, folder, f"it has no {name}")

    def test_one_flipped_bit_of_the_weights(self, read, folder):
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (folder / "model.safetensors").write_bytes(weights)
        self.refused(read, folder, r"model\.safetensors is not what was written: its sha256 is")

    def test_weights_that_are_no_safetensors(self, read, folder):
        from mfclip.detector.weights import sha256

        torch.save({"a": torch.ones(3)}, folder / "model.safetensors")
        change(folder, weights_sha256=sha256(folder / "model.safetensors"))
        with pytest.raises(BundleError, match="is no safetensors file"):
            read(folder).detector()

    def test_weights_of_another_detector(self, read, folder, contents, parts):
        from safetensors.torch import save_file

        from mfclip.detector.weights import sha256

        save_file({"head.bias": torch.ones(2)}, folder / "model.safetensors")
        change(folder, weights_sha256=sha256(folder / "model.safetensors"))
        newer = read(folder, offers(parts, "1.3"))
        with pytest.raises(BundleError) as caught:
            newer.detector()
        assert "does not fit the recipe beside it" in str(caught.value)
        assert "vision.cnn.0.weight" in str(caught.value)
        assert str(caught.value).endswith("tiny-parts is 1.3, was 1.2")

    def test_a_later_format(self, read, folder):
        change(folder, format=2, mfclip="9.0")
        self.refused(
            read, folder, r"has format 2; mfclip .* reads up to 1\. Written by mfclip 9\.0"
        )

    def test_keys_of_a_later_version_are_passed_over(self, read, folder):
        change(folder, mood="sunny")
        assert read(folder).about.seed == 7

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("files", ["../../etc/passwd"]),
            ("files", ["/etc/passwd"]),
            ("weights_sha256", "zz"),
            ("needs", [{"kind": "a", "name": "b", "distribution": "x; rm -rf /", "version": "1"}]),
            ("text_side", "perhaps"),
            ("labels", {"real": 1, "fake": 7}),
        ],
    )
    def test_hostile_or_damaged_descriptions(self, read, folder, key, value):
        change(folder, **{key: value})
        self.refused(read, folder, rf"is no description of a bundle: {key}")

    def test_a_swapped_label_map(self, read, folder):
        change(folder, labels={"real": 1, "fake": 0})
        self.refused(read, folder, "label map")

    def test_a_description_that_is_no_json(self, read, folder):
        (folder / "bundle.json").write_text("{")
        self.refused(read, folder, "is no description of a bundle")

    def test_a_description_that_is_no_text(self, read, folder):
        (folder / "bundle.json").write_bytes(b"\xff\xfe")
        self.refused(read, folder, "is not UTF-8 text")

    @pytest.mark.parametrize("content", ["[]", "{"])
    def test_damaged_metrics(self, read, folder, content):
        (folder / "metrics.json").write_text(content)
        self.refused(read, folder, r"metrics\.json is damaged")

    def test_a_damaged_recipe_is_told_by_file_and_line(self, read, folder):
        recipe = folder / "recipe.toml"
        recipe.write_text(recipe.read_text().replace("size = 16", "size = 7"))
        self.refused(read, folder, r"recipe\.toml:\d+: preprocessing\.size", RecipeError)

    def test_links_out_of_the_bundle(self, read, folder, tmp_path):
        elsewhere = tmp_path / "elsewhere.toml"
        (folder / "recipe.toml").rename(elsewhere)
        (folder / "recipe.toml").symlink_to(elsewhere)
        self.refused(read, folder, "link that leads out of the bundle")

    def test_missing_parts_are_named_with_what_to_install(self, read, folder, parts):
        del parts["TinyText"], parts["TinyNoise"]
        with pytest.raises(BundleError) as caught:
            read(folder, offers(parts))
        assert str(caught.value) == "\n".join(
            [
                f"{folder} needs parts that are not installed:",
                "  encoder 'tiny-noise' of tiny-parts 1.2: pip install tiny-parts==1.2",
                "  encoder 'tiny-text' of tiny-parts 1.2: pip install tiny-parts==1.2",
            ]
        )

    def test_odd_metadata_lose_no_build(self, recipe, parts, plugins):
        odd = [replace(offer, distribution="x; y", version="") for offer in plugins.offers]
        need = needs_of(recipe, Plugins(tuple(odd)))[0]
        assert (need.distribution, need.version) == ("unknown", "?")
        assert need.install == "install the plugin that offers it again"
        unversioned = need.model_copy(update={"distribution": "tiny-parts"})
        assert unversioned.install == "pip install tiny-parts"

    def test_a_broken_plugin_is_told_from_a_missing_one(self, read, folder):
        broken = BrokenPlugin("tiny", "tiny-parts", "1.2", "ImportError: no cuda")
        with pytest.raises(BundleError, match=r"installed, but did not load: ImportError: no cuda"):
            read(folder, Plugins(broken=(broken,)))


class TestCard:
    def text(self, folder, contents, **changes):
        write_bundle(folder, replace(contents, **changes))
        return (folder / "README.md").read_text()

    def test_it_has_every_section(self, folder, contents):
        text = self.text(folder, contents)
        titles = [line for line in text.splitlines() if line.startswith("#")]
        assert titles == [
            *("# tiny", "## Intended use", "## Training data", "## Figures on the test split"),
            *("## Limits", "## How to load"),
        ]

    def test_it_says_what_the_bundle_holds(self, folder, contents):
        text = self.text(folder, contents)
        assert "| AUC | 0.9000 | 0.8000 to 0.9500 |" in text
        assert "| EER | undefined | undefined to undefined |" in text
        assert "30 train, 5 val" in text
        assert "Generators: one, two." in text
        assert "encoder `tiny-text` (tiny-parts 1.2)" in text
        assert "pip install tiny-parts==1.2" in text
        assert "untrained" not in text

    def test_an_untrained_detector_says_so(self, folder, contents):
        text = self.text(folder, contents, seed=None, metrics={}, fingerprint="")
        assert "**untrained**" in text
        assert "Not measured." in text
