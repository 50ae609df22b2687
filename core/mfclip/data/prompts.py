"""The prompt table: the distinct texts of a data set's labels, rendered and tokenised once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Int64
from torch import Tensor

from mfclip.data.labels import HierarchicalLabel
from mfclip.errors import BundleError, DataError, RecipeError

if TYPE_CHECKING:
    from mfclip.data.protocols import PromptRenderer, Tokenises

CONTEXT = 77
"""Tokens of one sentence for CLIP: start, text, end, and zeros."""


@dataclass(frozen=True, eq=False)
class PromptTable:
    """K distinct texts of S sentences each. A sample carries the number of its label's row.

    Labels that differ only in what the prompts leave out, such as the generator at two levels,
    read the same and share a row: nothing tells their samples apart by their texts.
    """

    labels: tuple[HierarchicalLabel, ...]
    """Every label, each once, those of a row together; K or more."""
    rows: tuple[int, ...]
    """For each label its row, 0 to K - 1."""
    sentences: tuple[tuple[str, ...], ...]
    """For each row its S sentences, coarse to fine."""
    tokens: Int64[Tensor, "K S L"]
    """Tokens of the sentences, zeros behind them: CLIP's byte pairs, L = 77, or a part's own."""

    @staticmethod
    def make(
        labels: Iterable[HierarchicalLabel],
        renderer: PromptRenderer,
        tokeniser: Tokenises | None = None,
    ) -> PromptTable:
        """Render and tokenise distinct labels; nothing is downloaded.

        Texts are distinct where their tokens are: case and spaces count for nothing in CLIP's.
        ``tokeniser`` is the text encoder's own; None: CLIP's.

        Raises
        ------
        DataError
            Without any label.
        RecipeError
            For labels with unequal numbers of sentences, and for sentences that are empty, too
            long for the tokeniser, or hold one of CLIP's control tokens. Nothing is ever cut.
        """
        distinct = tuple(dict.fromkeys(labels))
        if not distinct:
            raise DataError("no labels to make prompts from; the training split is empty")
        sentences = tuple(tuple(renderer.render(label)) for label in distinct)
        _check_counts(distinct, sentences)
        tokens = _tokenise(sentences, tokeniser or ClipTokeniser())
        alike: dict[tuple[int, ...], list[int]] = {}
        for place, text in enumerate(tokens.flatten(1).tolist()):
            alike.setdefault(tuple(text), []).append(place)
        firsts = [places[0] for places in alike.values()]
        return PromptTable(
            labels=tuple(distinct[place] for places in alike.values() for place in places),
            rows=tuple(row for row, places in enumerate(alike.values()) for _ in places),
            sentences=tuple(sentences[place] for place in firsts),
            tokens=tokens[firsts],
        )

    def __len__(self) -> int:
        """K: rows, which can be fewer than labels."""
        return len(self.sentences)

    def row(self, label: HierarchicalLabel) -> int:
        """Number of the label's row. Raises :class:`DataError` for a label it does not hold."""
        try:
            return self._rows[label]
        except KeyError:
            known = "; ".join(map(_named, self.labels))
            message = f"no prompt for the label {_named(label)}; the table holds: {known}"
            raise DataError(message) from None

    @cached_property
    def _rows(self) -> dict[HierarchicalLabel, int]:
        return dict(zip(self.labels, self.rows, strict=True))

    def _labels_of(self, row: int) -> list[HierarchicalLabel]:
        return [label for label, own in zip(self.labels, self.rows, strict=True) if own == row]

    def to_json(self) -> str:
        """Labels, sentences and tokens as text; tokens without their padding.

        One entry a row. Its further labels stand under ``also``, which tables of one label a row
        lack: they are as they were before rows could be shared.
        """
        entries = []
        for row, (sentences, tokens) in enumerate(zip(self.sentences, self.tokens, strict=True)):
            first, *others = map(asdict, self._labels_of(row))
            also = {"also": others} if others else {}
            entry = {"label": first, **also, "sentences": sentences, "tokens": _unpadded(tokens)}
            entries.append(entry)
        return json.dumps(
            {"context": self.tokens.shape[-1], "prompts": entries}, indent=1, ensure_ascii=False
        )

    @staticmethod
    def from_json(text: str) -> PromptTable:
        """Read what :meth:`to_json` wrote, row for row. Raises :class:`BundleError` otherwise.

        Tables from before rows were shared keep their rows, also those that read the same.
        """
        try:
            table = json.loads(text)
            entries, length = table["prompts"], int(table.get("context", CONTEXT))
            own = [
                (HierarchicalLabel(**label), row)
                for row, entry in enumerate(entries)
                for label in (entry["label"], *entry.get("also", ()))
            ]
            sentences = tuple(tuple(entry["sentences"]) for entry in entries)
            tokens = torch.stack([_padded(entry["tokens"], length) for entry in entries])
        except (ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
            raise BundleError(f"the prompt table is damaged: {error}") from error
        labels, rows = tuple(label for label, _ in own), tuple(row for _, row in own)
        return PromptTable(labels, rows, sentences, tokens)


def _named(label: HierarchicalLabel) -> str:
    levels = (label.label, label.forgery, label.family, label.generator)
    return "/".join(filter(None, levels))


def _check_counts(labels: Sequence[HierarchicalLabel], sentences: Sequence[Sequence[str]]) -> None:
    counts = {len(prompt): label for label, prompt in zip(labels, sentences, strict=True)}
    if len(counts) > 1 or 0 in counts:
        told = ", ".join(f"{count} for {_named(label)}" for count, label in sorted(counts.items()))
        raise RecipeError(f"prompts: every label needs the same number of sentences, got {told}")


def _tokenise(sentences: Sequence[Sequence[str]], tokeniser: Tokenises) -> Int64[Tensor, "K S L"]:
    rows: dict[str, Tensor] = {}
    problems: list[str] = []
    for sentence in dict.fromkeys(sentence for prompt in sentences for sentence in prompt):
        try:
            tokens = tokeniser.tokens(sentence)
        except ValueError as error:
            problems.append(str(error))
            continue
        if len(tokens) > tokeniser.length:
            problems.append(
                f"a sentence takes {len(tokens)} tokens, {tokeniser.length} are allowed: "
                f"{sentence!r}"
            )
        rows[sentence] = _padded_row(tokens[: tokeniser.length], tokeniser.length)
    if problems:
        raise RecipeError("\n".join(f"prompts: {problem}" for problem in problems))
    return torch.stack([torch.stack([rows[sentence] for sentence in one]) for one in sentences])


class ClipTokeniser:
    """CLIP's byte pairs between its two control tokens."""

    length = CONTEXT

    def tokens(self, sentence: str) -> Sequence[int]:
        """Start, text, end. Raises :class:`ValueError` for no text, or a control token in it."""
        encode, start, end = _encoder()
        inner = encode(sentence)
        if not inner:
            raise ValueError(f"the sentence {sentence!r} is empty")
        if {start, end}.intersection(inner):
            raise ValueError(
                f"the sentence {sentence!r} holds a control token of CLIP; write it otherwise"
            )
        return [start, *inner, end]


@cache
def _encoder() -> tuple[Callable[[str], list[int]], int, int]:
    """CLIP's byte-pair encoding from the vocabulary that open_clip ships; start and end token."""
    tokenizer = _tokenizer_module().SimpleTokenizer()
    return tokenizer.encode, tokenizer.sot_token_id, tokenizer.eot_token_id


def _tokenizer_module() -> Any:
    """open_clip's tokenizer without the rest of its package, which takes seconds to import."""
    name = "open_clip.tokenizer"
    if name in sys.modules:
        return sys.modules[name]
    package = find_spec("open_clip")
    folder = Path(((package and package.submodule_search_locations) or ["open_clip"])[0])
    spec = spec_from_file_location(name, folder / "tokenizer.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"open_clip has no tokenizer in {folder}; reinstall open_clip_torch")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _padded_row(tokens: Sequence[int], length: int) -> Int64[Tensor, " L"]:
    row = torch.zeros(length, dtype=torch.int64)
    row[: len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
    return row


def _padded(prompt: Sequence[Sequence[int]], length: int) -> Int64[Tensor, "S L"]:
    return torch.stack([_padded_row(tokens, length) for tokens in prompt])


def _unpadded(prompt: Int64[Tensor, "S L"]) -> list[list[int]]:
    """Without the zeros behind the last token; a zero inside is CLIP's token of "!"."""
    return [row[: int(row.nonzero().max()) + 1].tolist() if row.any() else [] for row in prompt]
