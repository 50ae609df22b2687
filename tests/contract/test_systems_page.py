"""The table of systems: every system of the set has a row, and its figures are the network's."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "systems.md"
XCEPTION_GMAC = 8.4
"""At 299 pixels, as Chollet's network is quoted: 8.4 thousand million multiply-accumulates."""


def rows() -> dict[str, dict[str, str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *found = ([c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    return {
        re.search(r"`(.+?)`", cells[0])[1]: dict(zip(head, cells, strict=True)) for cells in found
    }


def test_every_system_has_a_row_or_is_named_as_not_here():
    registry, text = read_registry(), PAGE.read_text(encoding="utf-8")
    there = [name for name in registry.systems["paper"] if name in registry.assemblies]
    assert list(rows())[: len(there)] == there
    absent = re.findall(r"`(.+?)`", text.partition("Not here yet:")[2])
    assert {*there, *absent} == {*registry.systems["paper"]}


def test_a_row_says_what_the_schema_says():
    with_origin = [o for o in discover().of_kind("detector") if o.schema.origin]
    assert len(with_origin) >= 2
    table = rows()
    for offer in with_origin:
        origin, row = offer.schema.origin, table[offer.name]
        told = (origin.paper, origin.supervision, origin.read)
        for text, head in zip(told, ("From", "Needs", "Read"), strict=True):
            assert " ".join(text.split()) == row[head].replace("\\|", "|").replace("&lt;", "<")
        assert (row["Inferred"] == "–") == (not origin.inferred)
        assert (row["Without that"] == "–") == (not origin.without)


def test_systems_of_parts_tell_their_origin_too():
    registry, table = read_registry(), rows()
    of_parts = [n for n in registry.systems["paper"] if "detector" not in _tables(registry, n)]
    assert of_parts == ["cvit", "clip", "mfclip"]
    for name in of_parts:
        told = [table[name][head] for head in ("Read", "Inferred", "Unknown, chosen here")]
        assert min(map(len, told)) > 40, name
        assert "arXiv" in table[name]["From"] or "TIFS" in table[name]["From"]


def _tables(registry, name: str) -> set[str]:
    return {*registry.assemblies[name].document.tree}


def test_figures_are_those_of_the_networks():
    table = rows()
    assert abs(float(table["xception"]["GMAC"]) - XCEPTION_GMAC) < 0.1
    for name in ("xception", "vit"):
        part = discover().get("detector", name).schema()
        with torch.device("meta"):
            network = part.build(BuildContext())
        parameters = sum(one.numel() for one in network.parameters())
        assert table[name]["M parameters"] == f"{parameters / 1e6:.1f}"
