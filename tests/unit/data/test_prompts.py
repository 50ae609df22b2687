import json
import socket

import pytest
import torch

from mfclip.data import prompts
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.errors import BundleError, DataError, RecipeError

REAL = HierarchicalLabel("real")
LABELS = (REAL, HierarchicalLabel("fake", "EFS", "diffusion", "DDPM"), HierarchicalLabel("fake"))
START, END = 49406, 49407


class Renderer:
    def __init__(self, *templates: str) -> None:
        self.templates = templates

    def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
        return tuple(one.format(label.label, by=label.generator) for one in self.templates)


@pytest.fixture(scope="module")
def table() -> PromptTable:
    return PromptTable.make(LABELS, Renderer("a photo of a {} face", "made by {by}!!!"))


def test_shape_and_sentences(table: PromptTable) -> None:
    assert table.tokens.shape == (3, 2, 77)
    assert table.tokens.dtype == torch.int64
    assert table.labels == LABELS
    assert table.sentences[1] == ("a photo of a fake face", "made by DDPM!!!")
    assert len(table) == 3


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("a photo of a dog", [320, 1125, 539, 320, 1929]),
        ("A  Diagram ", [320, 22697]),
    ],
)
def test_tokens_are_those_of_clip(sentence: str, tokens: list[int]) -> None:
    """Known from the documentation of CLIP and of transformers."""
    made = PromptTable.make([REAL], Renderer(sentence)).tokens[0, 0].tolist()
    assert made == [START, *tokens, END] + [0] * (75 - len(tokens))


def test_row_finds_each_label(table: PromptTable) -> None:
    assert [table.row(label) for label in LABELS] == [0, 1, 2]
    with pytest.raises(DataError, match=r"no prompt for the label fake/AM; .*real; fake/EFS/diff"):
        table.row(HierarchicalLabel("fake", "AM"))


def test_labels_given_twice_make_one_row() -> None:
    assert PromptTable.make([REAL, REAL], Renderer("x")).labels == (REAL,)


BLIND = Renderer("a {} face", "whoever made it")
"""Says nothing of generators."""
FAKES = tuple(HierarchicalLabel("fake", "FS", generator=name) for name in ("DeepFakes", "FaceSwap"))


def test_labels_that_read_the_same_share_a_row() -> None:
    shared = PromptTable.make([FAKES[0], REAL, FAKES[1]], BLIND)
    assert len(shared) == 2
    assert shared.tokens.shape == (2, 2, 77)
    assert [shared.row(label) for label in (FAKES[0], REAL, FAKES[1])] == [0, 1, 0]
    assert shared.labels == (*FAKES, REAL)
    assert shared.sentences == (
        ("a fake face", "whoever made it"),
        ("a real face", BLIND.templates[1]),
    )


def test_case_and_spaces_make_no_other_text() -> None:
    fakes = [HierarchicalLabel("fake", generator=name) for name in ("Face  Swap", "face swap", "x")]
    table = PromptTable.make(fakes, Renderer("made by {by}"))
    assert [table.row(label) for label in fakes] == [0, 0, 1]


def test_shared_rows_round_trip() -> None:
    shared = PromptTable.make([FAKES[0], REAL, FAKES[1]], BLIND)
    again = PromptTable.from_json(shared.to_json())
    assert (again.labels, again.rows) == (shared.labels, shared.rows)
    assert again.sentences == shared.sentences
    assert torch.equal(again.tokens, shared.tokens)
    assert again.to_json() == shared.to_json()


def test_rows_of_one_label_are_written_as_ever(table: PromptTable) -> None:
    entries = json.loads(table.to_json())["prompts"]
    assert [set(entry) for entry in entries] == [{"label", "sentences", "tokens"}] * 3


def test_json_round_trip(table: PromptTable) -> None:
    again = PromptTable.from_json(table.to_json())
    assert again.labels == table.labels
    assert again.sentences == table.sentences
    assert torch.equal(again.tokens, table.tokens)


def test_json_keeps_a_zero_inside_a_sentence() -> None:
    """The token of "!" inside a word is 0, like the padding."""
    table = PromptTable.make([REAL], Renderer("!?#&%!/!;"))
    tokens = table.tokens[0, 0].tolist()
    assert 0 in tokens[: tokens.index(END)]
    assert torch.equal(PromptTable.from_json(table.to_json()).tokens, table.tokens)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"prompts": []}', '{"prompts": [{"label": {"label": "real"}}]}']
)
def test_damaged_json_is_a_bundle_error(text: str) -> None:
    with pytest.raises(BundleError, match="prompt table is damaged"):
        PromptTable.from_json(text)


def test_json_with_an_unknown_level_is_damaged(table: PromptTable) -> None:
    content = json.loads(table.to_json())
    content["prompts"][0]["label"]["colour"] = "red"
    with pytest.raises(BundleError):
        PromptTable.from_json(json.dumps(content))


def test_no_labels() -> None:
    with pytest.raises(DataError, match="training split is empty"):
        PromptTable.make([], Renderer("x"))


def test_a_sentence_that_is_too_long_is_named_and_never_cut() -> None:
    longest = " ".join(["face"] * 75)
    assert PromptTable.make([REAL], Renderer(longest)).tokens[0, 0, 76] == END
    with pytest.raises(RecipeError, match="takes 78 tokens, 77 are allowed: 'face face"):
        PromptTable.make([REAL], Renderer(longest + " face"))


@pytest.mark.parametrize("sentence", ["", "  ", "\n"])
def test_empty_sentences(sentence: str) -> None:
    with pytest.raises(RecipeError, match="is empty"):
        PromptTable.make([REAL], Renderer(sentence))


@pytest.mark.parametrize("sentence", ["a <end_of_text> b", "a <start_of_text>"])
def test_control_tokens(sentence: str) -> None:
    with pytest.raises(RecipeError, match="control token"):
        PromptTable.make([REAL], Renderer(sentence))


def test_all_problems_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        PromptTable.make([REAL], Renderer("", "word " * 80))
    assert len(str(caught.value).splitlines()) == 2


def test_unequal_numbers_of_sentences() -> None:
    class Uneven:
        def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
            return ("x",) * (1 if label.label == "real" else 2)

    with pytest.raises(RecipeError, match="same number of sentences, got 1 for real, 2 for fake"):
        PromptTable.make(LABELS, Uneven())
    with pytest.raises(RecipeError, match="got 0 for real"):
        PromptTable.make([REAL], Renderer())


def test_tokenising_uses_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    prompts._encoder.cache_clear()
    assert PromptTable.make([REAL], Renderer("a")).tokens.sum() == START + 320 + END
