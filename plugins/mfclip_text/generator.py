"""The fine-grained text generator (FTG, III-B): from a face's label to its sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mfclip.data.labels import HierarchicalLabel
from mfclip_text.sentences import LevelSentences, fields_of

FORGERIES: Mapping[str, str] = {
    "EFS": "entire synthesized",
    "AM": "attributed manipulated",
    "FS": "identity swapped",
}
"""The paper's words for the types of forgery."""


@dataclass(frozen=True, slots=True)
class HierarchicalRenderer:
    """Renders labels in the wording of a recipe.

    A real face reads each level's ``real`` sentence. A fake face reads ``fake``, or ``unknown``
    where its label leaves empty what ``fake`` names.
    """

    levels: tuple[LevelSentences, ...]
    """The wording of each level, coarse to fine."""
    forgeries: Mapping[str, str]
    """Words for codes of forgeries (upper case). Other codes are read as they are."""

    def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
        """S sentences, coarse to fine."""
        if not label.is_fake:
            return tuple(level.real for level in self.levels)
        values = self._values(label)
        return tuple(_fill(level, values) for level in self.levels)

    def _values(self, label: HierarchicalLabel) -> dict[str, str]:
        forgery = label.forgery.strip()
        return {
            "label": label.label,
            "forgery": _with_article(self.forgeries.get(forgery.upper(), forgery)),
            "family": label.family.strip(),
            "generator": label.generator.strip(),
        }


def _fill(level: LevelSentences, values: Mapping[str, str]) -> str:
    if all(values[name] for name in fields_of(level.fake)):
        return level.fake.format_map(values)
    return level.unknown


def _with_article(words: str) -> str:
    if not words:
        return ""
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"
