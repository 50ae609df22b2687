"""Laying one document over another: a recipe over its assembly, ``--set`` over both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfclip.recipe.messages import Problems, shown
from mfclip.recipe.places import Document, KeyPath, Place

REMOVABLE = (
    *("vision", "text", "prompts", "alignment", "detector", "data", "training", "candidates"),
)
"""Tables that ``table = false`` takes away."""


def merge(base: Document, over: Document, problems: Problems) -> Document:
    """``base`` with everything that ``over`` says in its place.

    Tables are joined key by key. Where ``use`` changes, the base's other keys of that table are
    dropped: they belong to another part. Arrays are replaced, except that keys which are whole
    numbers (only ``--set loss.0.weight=2`` makes such) change single items. ``false`` in place of
    a removable table removes it.
    """
    return _Merge(base, over, problems).run()


def join(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The same rules for two bare tables: key by key, unless ``use`` changes."""
    if "use" in under and "use" in over and under["use"] != over["use"]:
        return dict(over)
    joined = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], Mapping) and isinstance(over[key], Mapping):
            joined[key] = join(under[key], over[key])
    return joined


class _Merge:
    def __init__(self, base: Document, over: Document, problems: Problems) -> None:
        self.base = base
        self.over = over
        self.problems = problems
        self.places: dict[KeyPath, Place] = {}

    def run(self) -> Document:
        removed = dict(self.base.removed)
        under, over = dict(self.base.tree), dict(self.over.tree)
        for name in REMOVABLE:
            if over.get(name) is False:
                removed[name] = self.over.place((name,))
                under.pop(name, None)
                del over[name]
            elif name in over:
                removed.pop(name, None)
        self.places[()] = self.over.place(())
        tree = self._tables(under, over, ())
        return Document(tree, self.places, removed)

    def _tables(
        self, under: Mapping[Any, Any], over: Mapping[Any, Any], path: KeyPath
    ) -> dict[str, Any]:
        if "use" in under and "use" in over and under["use"] != over["use"]:
            under = {}
        merged = {}
        for key in [*under, *(k for k in over if k not in under)]:
            here = (*path, key)
            if key in over:
                merged[key] = self._value(under.get(key), over[key], here)
            else:
                merged[key] = self._keep(self.base, under[key], here)
        return merged

    def _value(self, under: Any, over: Any, path: KeyPath) -> Any:
        if isinstance(over, Mapping):
            if any(isinstance(key, int) for key in over):
                return self._items(under, over, path)
            self.places[path] = self.over.place(path)
            return self._tables(under if isinstance(under, Mapping) else {}, over, path)
        return self._keep(self.over, over, path)

    def _items(self, under: Any, over: Mapping[Any, Any], path: KeyPath) -> Any:
        """An array with some of its items changed."""
        items = list(under) if isinstance(under, list) else []
        kept = [self._keep(self.base, item, (*path, i)) for i, item in enumerate(items)]
        self.places[path] = self.base.place(path) if items else self.over.place(path)
        for index, value in over.items():
            here = (*path, index)
            if isinstance(index, int) and index < len(items):
                kept[index] = self._value(items[index], value, here)
            else:
                self.problems.add(self.over, here, _no_item(index, under))
        return kept if items else under

    def _keep(self, source: Document, value: Any, path: KeyPath) -> Any:
        """A value as it is, with the places inside it."""
        self.places[path] = source.place(path)
        if isinstance(value, Mapping):
            return {k: self._keep(source, v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self._keep(source, v, (*path, i)) for i, v in enumerate(value)]
        return value


def _no_item(index: object, under: object) -> str:
    if not isinstance(under, list):
        received = "nothing" if under is None else shown(under)
        return f"there is no list to change item {index} of; it holds {received}"
    return f"no item {index}: the list has {len(under)}, counted from 0"
