"""Whatever is wrong with a bundle is said."""

import json
from dataclasses import replace

import pytest
import torch

from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.errors import BundleError, RecipeError
from mfclip.plugins.discovery import BrokenPlugin, Plugins


def change(folder, **values):
    """Change keys of bundle.json."""
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(about | values))


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
        from mfclip.bundle.weights import sha256

        torch.save({"a": torch.ones(3)}, folder / "model.safetensors")
        change(folder, weights_sha256=sha256(folder / "model.safetensors"))
        with pytest.raises(BundleError, match="is no safetensors file"):
            read(folder).detector()

    def test_weights_of_another_detector(self, read, folder, offers):
        from safetensors.torch import save_file

        from mfclip.bundle.weights import sha256

        save_file({"head.bias": torch.ones(2)}, folder / "model.safetensors")
        change(folder, weights_sha256=sha256(folder / "model.safetensors"))
        newer = read(folder, offers("1.3"))
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
        self.refused(read, folder, r"bundle\.json is damaged: Expecting")

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

    def test_missing_parts_are_named_with_what_to_install(self, read, folder, parts, offers):
        del parts["TinyText"], parts["TinyNoise"]
        with pytest.raises(BundleError) as caught:
            read(folder, offers())
        assert str(caught.value) == "\n".join(
            [
                f"{folder} needs parts that are not installed:",
                "  encoder 'tiny-noise' of tiny-parts 1.2: pip install tiny-parts==1.2",
                "  encoder 'tiny-text' of tiny-parts 1.2: pip install tiny-parts==1.2",
                "The bundle names these packages; install only what you trust: it will run.",
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

    def test_a_part_that_is_not_allowed_is_told_from_a_missing_one(self, read, folder):
        with pytest.raises(BundleError) as caught:
            read(folder, Plugins(disabled=("Tiny_Parts",)))
        assert "(installed, but not allowed here): see `disabled` and `allowed`" in str(
            caught.value
        )
        assert "pip install" not in str(caught.value)

    def test_a_part_of_that_name_from_somebody_else_is_another_part(self, read, folder, offers):
        with pytest.raises(BundleError, match=r"installed is another one, of evil-parts 1\.2"):
            read(folder, offers(distribution="evil-parts"))

    def test_names_of_distributions_compare_as_indexes_do(self, read, folder, offers):
        assert read(folder, offers(distribution="Tiny_Parts")).changes == ()

    def test_a_part_that_the_description_leaves_out(self, read, folder):
        needs = json.loads((folder / "bundle.json").read_text())["needs"]
        change(folder, needs=[need for need in needs if need["name"] != "tiny-noise"])
        self.refused(
            read, folder, r"contradicts itself.*encoder 'tiny-noise' \(vision\.noise\), which"
        )

    def test_a_text_file_out_of_all_proportion(self, read, folder):
        with (folder / "metrics.json").open("r+b") as file:
            file.truncate(17 * 2**20)
        self.refused(read, folder, r"metrics\.json is damaged: 17825792 bytes; at most 16777216")
