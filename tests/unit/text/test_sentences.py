import pytest
from pydantic import ValidationError

from mfclip_text.parts import HierarchicalPrompts


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("by {genrator}", r"names \{genrator\}; a template can name \{label\}, \{forgery\}"),
        ("by {}", r"names \{\}; a template can name"),
        ("by {generator.__class__}", r"names \{generator.__class__\}"),
        ("by {generator!r}", r"names \{generator!r\}"),
        ("by {generator:>9}", r"names \{generator:>9\}"),
        ("by {generator", "expected '}' before end of string"),
        (" ", "cannot be empty"),
    ],
)
def test_templates_that_cannot_be_filled_in_are_refused(template, said):
    with pytest.raises(ValidationError, match=said) as caught:
        HierarchicalPrompts(level_4={"fake": template})
    assert caught.value.errors()[0]["loc"] == ("level_4", "fake")


@pytest.mark.parametrize("key", ["real", "unknown"])
def test_plain_sentences_have_no_fields(key):
    with pytest.raises(ValidationError, match=r"names \{family\}; this sentence is plain text"):
        HierarchicalPrompts(level_3={key: "by {family}"})


def test_unknown_keys_are_refused():
    with pytest.raises(ValidationError, match="reel"):
        HierarchicalPrompts(level_2={"reel": "a photo"})


def test_doubled_braces_are_text():
    assert HierarchicalPrompts(level_4={"fake": "by {{{generator}}}"})
