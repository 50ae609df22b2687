"""Light bundles: the same detector to the last bit, or an error that says what is missing."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.convert import convert
from mfclip.bundle.description import bases_of, needs_of
from mfclip.bundle.folder import read_bundle, write_bundle
from mfclip.bundle.weights import digest
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.errors import BundleError, UsageError
from mfclip.files import sha256
from mfclip.inference.loaded import load
from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.settings import PreprocessingSettings
from mfclip.weights.getting import convert as keep
from mfclip.weights.store import file_of
from mfclip_clip.parts import ClipText, ClipVit
from mfclip_text.parts import HierarchicalPrompts
from mfclip_vision.parts import MultiModalVision, SrmNoise, Timm

TOWER = {"dim": 16, "tower_width": 16, "layers": 3, "heads": 2, "patch": 16}
NOISE = SrmNoise(patch_size=16, channels=4, grid=4, blocks=1, dim=16, heads=2, mlp=16)


@pytest.fixture(scope="module")
def plugins():
    return discover()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    keep(tower_file(tmp_path / "tower.safetensors", seed=1), "tiny")
    return tmp_path


def tower_file(file, seed):
    torch.manual_seed(seed)
    tower = ClipVit(**TOWER).build(BuildContext(image_size=32)).tower
    save_file({f"visual.{name}": value for name, value in tower.state_dict().items()}, file)
    return file


@pytest.fixture
def written(store, plugins):
    """``written(vision)``: a detector after some training, and its bundles whole and light."""

    def write(vision, *, size=32, tuned=".ln_"):
        recipe = Recipe(vision=vision, preprocessing=PreprocessingSettings(size=size))
        torch.manual_seed(0)
        detector = assemble(recipe, None)
        with torch.no_grad():
            for name, value in detector.named_parameters():
                if tuned in name:
                    value += 0.1
        bases, needs = bases_of(recipe), needs_of(recipe, plugins)
        contents = BundleContents(detector.eval(), recipe, needs=needs, bases=bases, seed=0)
        sizes = [
            write_bundle(store / name, contents, light=name == "light")
            for name in ("whole", "light")
        ]
        return detector, *sizes

    return write


def change(folder, **values):
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(about | values))


def replace_weights(folder, tensors):
    """Another file of weights, with its hash."""
    save_file(tensors, folder / "model.safetensors")
    change(folder, weights_sha256=sha256(folder / "model.safetensors"))


def assert_same(found, wanted):
    """Names, types and every bit."""
    ours, theirs = found.state_dict(), wanted.state_dict()
    assert ours.keys() == theirs.keys()
    assert {n: digest(v) for n, v in ours.items()} == {n: digest(v) for n, v in theirs.items()}


PARTS = {
    "layer norms": (ClipVit(**TOWER, weights="tiny", tune="layernorm", read=(1, 3)), ".ln_"),
    "adapters": (ClipVit(**TOWER, weights="tiny", tune="lora", lora_rank=2, read=(1, 2)), ".0.b"),
    "frozen": (ClipVit(**TOWER, weights="tiny", tune="none"), "head"),
    "cut": (ClipVit(**TOWER, weights="tiny", tune="layernorm", read=(1,)), ".ln_"),
    "inside another": (
        MultiModalVision(image=ClipVit(**TOWER, weights="tiny", tune="none"), noise=NOISE),
        "noise",
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_light_bundle_is_the_same_detector(written, store, plugins, case):
    part, tuned = PARTS[case]
    detector, whole, light = written(part, tuned=tuned)
    assert light.left_out > 0
    assert light.stored < 0.5 * whole.stored
    assert abs(light.stored + light.left_out - whole.stored) < 0.4 * whole.stored  # headers
    found = read_bundle(store / "light", plugins=plugins)
    assert_same(found.detector(), detector)
    assert_same(found.detector(), read_bundle(store / "whole", plugins=plugins).detector())


@pytest.mark.parametrize("case", ["layer norms", "adapters"])
def test_scores_are_the_same_to_the_last_bit(written, store, case):
    part, tuned = PARTS[case]
    written(part, tuned=tuned)
    images = list((torch.rand(5, 3, 40, 40) * 255).to(torch.uint8))
    one, other = (
        [score.p_fake for score in load(store / name, "cpu").score(images)]
        for name in ("light", "whole")
    )
    assert one == other
    assert len({*one}) == 5


def test_only_what_differs_from_the_base_is_stored(written, store):
    written(PARTS["layer norms"][0])
    stored = load_file(store / "light" / "model.safetensors")
    about = json.loads((store / "light" / "bundle.json").read_text())
    assert {name for name in stored if ".ln_" not in name} == {"head.weight", "head.bias"}
    assert not stored.keys() & about["from_bases"].keys()
    whole = load_file(store / "whole" / "model.safetensors")
    assert stored.keys() | about["from_bases"].keys() == whole.keys()
    assert json.loads((store / "whole" / "bundle.json").read_text())["from_bases"] == {}


def test_of_adapters_the_adapters_are_stored(written, store):
    part, tuned = PARTS["adapters"]
    written(part, tuned=tuned)
    stored = load_file(store / "light" / "model.safetensors")
    adapters = {name for name in stored if name.endswith((".0.a", ".0.b"))}
    assert len(adapters) == 2 * 2 * 2
    assert stored.keys() - adapters == {"head.weight", "head.bias"}


def test_one_bit_makes_a_tensor_another(written, store, plugins):
    """Minus zero equals zero, and is stored all the same."""
    base = load_file(file_of("tiny"))
    base["visual.class_embedding"][0] = 0.0
    save_file(base, store / "zero.safetensors")
    keep(store / "zero.safetensors", "zero")
    part = ClipVit(**TOWER, weights="zero", tune="none")
    detector, *_ = written(part)
    with torch.no_grad():
        detector.vision.tower.class_embedding[0] = -0.0
    recipe = read_bundle(store / "whole", plugins=plugins).recipe
    contents = BundleContents(
        detector, recipe, needs=needs_of(recipe, plugins), bases=bases_of(recipe)
    )
    write_bundle(store / "light", contents, light=True)
    assert "vision.tower.class_embedding" in load_file(store / "light" / "model.safetensors")
    assert_same(read_bundle(store / "light", plugins=plugins).detector(), detector)


def test_resampled_positions_are_made_again(written, store, plugins):
    part = ClipVit(**TOWER, weights="tiny", tune="none")
    detector, *_ = written(part, size=64, tuned="head")
    about = read_bundle(store / "light", plugins=plugins)
    assert "vision.tower.positional_embedding" in about.about.from_bases
    assert_same(about.detector(), detector)


def test_what_is_drawn_is_never_left_out(store, plugins):
    """An untrained projection, even where the seed is that of a later process."""
    import timm

    save_file(timm.create_model("test_resnet").state_dict(), store / "resnet.safetensors")
    keep(store / "resnet.safetensors", "resnet")
    part = Timm(model="test_resnet", dim=8, weights="resnet", freeze="all")
    recipe = Recipe(vision=part, preprocessing=PreprocessingSettings(size=32))
    torch.manual_seed(0)
    detector = assemble(recipe, None)
    needs, bases = needs_of(recipe, plugins), bases_of(recipe)
    torch.manual_seed(0)
    write_bundle(
        store / "light", BundleContents(detector, recipe, needs=needs, bases=bases), light=True
    )
    stored = load_file(store / "light" / "model.safetensors")
    assert stored.keys() == {*(f"{a}.{b}" for a in ("head", "vision.project") for b in WEIGHT)}
    assert_same(read_bundle(store / "light", plugins=plugins).detector(), detector)


WEIGHT = ("weight", "bias")


def test_weights_of_the_text_side_are_needed_by_the_text_side_alone(store, plugins):
    shape = {"dim": 16, "tower_width": 16, "layers": 1, "heads": 2}
    file = store / "text.safetensors"
    tower = ClipText(**shape).build(BuildContext()).tower
    save_file({n: v.contiguous() for n, v in tower.state_dict().items()}, file)
    recipe = Recipe(
        vision=ClipVit(**TOWER, weights="tiny", tune="none"),
        text=ClipText(**shape, weights=file),
        prompts=HierarchicalPrompts(),
        preprocessing=PreprocessingSettings(size=32),
    )
    labels = (HierarchicalLabel("fake", "FS", "GAN", "one"), HierarchicalLabel("real"))
    prompts = PromptTable.make(labels, recipe.prompts.build(recipe.context()))
    detector = assemble(recipe, prompts).eval()
    needs, bases = needs_of(recipe, plugins), bases_of(recipe)
    contents = BundleContents(detector, recipe, prompts, needs, bases=bases)
    for text_side, children in ((True, {"vision", "text"}), (False, {"vision"})):
        write_bundle(store / f"{text_side}", contents, text_side=text_side, light=True)
        about = read_bundle(store / f"{text_side}", plugins=plugins).about
        assert {name.partition(".")[0] for name in about.from_bases} == children
    bundle = read_bundle(store / "True", plugins=plugins)
    assert_same(bundle.detector(), detector)
    file.unlink()
    for name in ("True", "False"):
        scoring = read_bundle(store / name, plugins=plugins).detector(text_side=False)
        assert_same(scoring, detector.scoring())
    with pytest.raises(BundleError, match=r"text was built with the weights 'text\.safetensors'"):
        bundle.detector()


def test_writing_one_draws_no_random_numbers(written, store):
    torch.manual_seed(3)
    expected = torch.rand(2)
    detector, *_ = written(PARTS["frozen"][0])
    bundle = read_bundle(store / "whole")
    torch.manual_seed(3)
    contents = BundleContents(detector, bundle.recipe, needs=bundle.about.needs)
    write_bundle(store / "again", contents, light=True)
    assert torch.equal(torch.rand(2), expected)


class TestWeightsElsewhere:
    @pytest.fixture
    def light(self, written, store):
        written(PARTS["layer norms"][0])
        return store / "light"

    def test_absent(self, light):
        file_of("tiny").unlink()
        with pytest.raises(BundleError) as caught:
            load(light, "cpu")
        told = str(caught.value)
        assert "vision was built with the weights 'tiny' of sha256" in told
        assert "no weights are called 'tiny'" in told
        assert "`mfclip weights get NAME`" in told

    def test_known_ones_are_told_with_their_command(self, written, store):
        keep(file_of("tiny"), "clip-vit-b16")
        written(ClipVit(**TOWER, weights="clip-vit-b16", tune="none"))
        for name in ("tiny", "clip-vit-b16"):
            file_of(name).unlink()
        with pytest.raises(BundleError, match="`mfclip weights get clip-vit-b16`"):
            load(store / "light", "cpu")
        card = (store / "light" / "README.md").read_text()
        assert "\nmfclip weights get clip-vit-b16\n" in card
        assert "The bundle is light: " in card
        assert "light" not in (store / "whole" / "README.md").read_text()

    def test_others_of_that_name(self, light, store):
        keep(tower_file(store / "other.safetensors", seed=2), "tiny")
        found = sha256(store / "other.safetensors")
        with pytest.raises(BundleError, match=f"and here they are {found}; get those that it was"):
            load(light, "cpu")

    def test_kept_under_another_name(self, light, store, plugins):
        keep(file_of("tiny"), "theirs")
        file_of("tiny").unlink()
        whole = read_bundle(store / "whole", plugins=plugins).detector()
        assert_same(read_bundle(light, plugins=plugins).detector(), whole)

    def test_of_a_file_that_is_elsewhere_now(self, written, store, plugins):
        file = shutil.copy(file_of("tiny"), store / "here.safetensors")
        detector, *_ = written(ClipVit(**TOWER, weights=file, tune="none"))
        assert_same(read_bundle(store / "light", plugins=plugins).detector(), detector)
        file.unlink()
        assert_same(read_bundle(store / "light", plugins=plugins).detector(), detector)
        file_of("tiny").unlink()
        with pytest.raises(BundleError, match=r"there is no file of weights .*convert FILE --as"):
            read_bundle(store / "light", plugins=plugins).detector()

    def test_damaged_behind_their_record(self, light):
        weights = bytearray(file_of("tiny").read_bytes())
        weights[-1] ^= 1
        file_of("tiny").write_bytes(weights)
        with pytest.raises(BundleError, match="what the pretrained weights give here is another"):
            load(light, "cpu")

    def test_a_whole_bundle_needs_none(self, light, store):
        file_of("tiny").unlink()
        assert load(store / "whole", "cpu")


class TestContradictions:
    @pytest.fixture
    def light(self, written, store):
        written(PARTS["layer norms"][0])
        return store / "light"

    def refused(self, folder, match):
        with pytest.raises(BundleError, match=match):
            read_bundle(folder).detector()

    def test_a_tensor_that_nothing_explains(self, light):
        about = json.loads((light / "bundle.json").read_text())
        name = next(iter(about["from_bases"]))
        change(light, from_bases={k: v for k, v in about["from_bases"].items() if k != name})
        self.refused(light, r"does not fit the recipe beside it.*\n?.*Missing key")

    def test_a_tensor_of_another_hash(self, light):
        about = json.loads((light / "bundle.json").read_text())
        change(light, from_bases=about["from_bases"] | {next(iter(about["from_bases"])): "0" * 64})
        self.refused(light, r"is another tensor: its sha256 is .*, bundle\.json says 0000")

    def test_a_tensor_that_is_stored_as_well(self, light):
        stored = load_file(light / "model.safetensors")
        about = json.loads((light / "bundle.json").read_text())
        name = next(iter(about["from_bases"]))
        replace_weights(light, stored | {name: torch.zeros(1)})
        self.refused(light, "contradicts itself: .* is stored as well")

    def test_a_tensor_of_no_part(self, light):
        about = json.loads((light / "bundle.json").read_text())
        change(light, from_bases=about["from_bases"] | {"vision.nothing": "0" * 64})
        self.refused(light, "'vision.nothing'.*is no tensor of the recipe's parts")

    def test_a_tensor_that_no_weights_stand_behind(self, light):
        about = json.loads((light / "bundle.json").read_text())
        change(light, from_bases=about["from_bases"] | {"head.bias": digest(torch.zeros(2))})
        self.refused(light, "leaves 'head.bias' to pretrained weights, and lists none")

    def test_a_recipe_that_names_weights_that_are_not_listed(self, light):
        change(light, bases=[])
        self.refused(light, "contradicts itself")
        (base,) = json.loads((light.parent / "whole" / "bundle.json").read_text())["bases"]
        change(light, bases=[base | {"place": "vision.image"}])
        self.refused(light, r"names weights in \['vision'\], its bundle\.json in \['vision\.image")

    def test_a_detector_out_of_all_proportion(self, light, monkeypatch):
        """The base's file counts, and what the recipe asks for beyond it is refused."""
        monkeypatch.setattr("mfclip.bundle.limits.SPARE_NUMBERS", 0)
        monkeypatch.setattr("mfclip.bundle.limits.FACTOR", 2)
        assert read_bundle(light).detector()
        monkeypatch.setattr("mfclip.bundle.limits.FACTOR", 0.5)
        self.refused(light, "asks for a detector many times as large")


class TestConversion:
    @pytest.fixture
    def whole(self, written, store):
        written(PARTS["layer norms"][0])
        return store / "whole"

    def files(self, folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def test_there_and_back(self, whole, store, plugins):
        before = self.files(whole)
        size = convert(read_bundle(whole, plugins=plugins), store / "made", light=True)
        assert size.left_out
        assert self.files(store / "made") == self.files(store / "light")
        again = convert(read_bundle(store / "made", plugins=plugins), store / "made", light=False)
        assert not again.left_out
        assert self.files(store / "made") == before

    def test_what_a_later_version_wrote_is_kept(self, whole, plugins):
        change(whole, mood="sunny")
        convert(read_bundle(whole, plugins=plugins), whole, light=True)
        assert json.loads((whole / "bundle.json").read_text())["mood"] == "sunny"

    def test_a_card_of_ones_own_is_kept(self, whole, plugins):
        (whole / "README.md").write_text("# Mine\n")
        convert(read_bundle(whole, plugins=plugins), whole, light=True)
        assert (whole / "README.md").read_text() == "# Mine\n"

    def test_nothing_to_leave_out(self, store, plugins):
        recipe = Recipe(
            vision=ClipVit(**TOWER, read=(1,)), preprocessing=PreprocessingSettings(size=32)
        )
        contents = BundleContents(assemble(recipe, None), recipe, needs=needs_of(recipe, plugins))
        write_bundle(store / "scratch", contents)
        with pytest.raises(UsageError, match="names no pretrained weights"):
            convert(read_bundle(store / "scratch", plugins=plugins), store / "made", light=True)
        assert not (store / "made").exists()

    def test_a_folder_with_other_files_is_left_alone(self, whole, store, plugins):
        (store / "mine").mkdir()
        (store / "mine" / "thesis.txt").write_text("dear to me")
        with pytest.raises(UsageError, match="would be lost"):
            convert(read_bundle(whole, plugins=plugins), store / "mine", light=True)
