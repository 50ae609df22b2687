"""The model card."""

from dataclasses import replace

from mfclip.bundle.card import LIMITS, limits
from mfclip.bundle.folder import write_bundle
from mfclip.data.labels import HierarchicalLabel


def test_only_a_detector_of_crops_is_said_to_find_no_faces():
    assert limits(finds_faces=False) == LIMITS
    left = [limit for limit in LIMITS if limit not in limits(finds_faces=True)]
    assert [limit for limit in LIMITS if "does not find faces" in limit] == left


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

    def test_markup_in_names_does_not_act(self, folder, contents):
        hostile = "x\n# Trusted\n<script>alert(1)</script> [click](http://evil) ![i](x) `rm`"
        labels = (HierarchicalLabel("fake", generator=hostile), *contents.prompts.labels[1:])
        text = self.text(
            folder,
            contents,
            recipe=contents.recipe.model_copy(update={"name": hostile, "assembly": hostile}),
            prompts=replace(contents.prompts, labels=labels),
        )
        assert "<script" not in text.replace(r"\<script", "")
        assert "[click]" not in text
        assert [line for line in text.splitlines() if line.startswith("# ")] == [
            r"# x \# Trusted \<script\>alert(1)\</script\> \[click\](http://evil) \!\[i\](x) \`rm\`"
        ]
        assert text.count(r"\`rm\`") == 3
