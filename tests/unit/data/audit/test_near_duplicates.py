import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfclip.data.audit import audit
from mfclip.data.audit.looks import Look
from mfclip.data.audit.near_duplicates import MAX_BITS, check_near_duplicates, near_pairs
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

Rows = Callable[..., Manifest]
Codes = Callable[..., list[str]]


def flipped(print_: bytes, *positions: int) -> bytes:
    number = int.from_bytes(print_, "big")
    for position in positions:
        number ^= 1 << position
    return number.to_bytes(len(print_), "big")


def some(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(32)


def check(manifest: Manifest, *prints: bytes):
    return list(check_near_duplicates(manifest, [Look(0, one) for one in prints]))


def test_up_to_fifteen_bits_wherever_they_are(rows: Rows, codes: Codes) -> None:
    manifest = rows("real train", "real test")
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = [int(place) for place in rng.choice(255, MAX_BITS + 1, replace=False)]
        assert codes(check(manifest, some(0), flipped(some(0), *places[:-1]))) == [
            "warning near-duplicate-in-two-splits"
        ]
        assert not check(manifest, some(0), flipped(some(0), *places))


def test_every_piece_may_be_the_one_in_common(rows: Rows) -> None:
    for kept in range(16):
        others = [16 * piece for piece in range(16) if piece != kept]
        assert check(rows("real train", "real val"), some(1), flipped(some(1), *others))


def test_labels_are_a_note(rows: Rows, codes: Codes) -> None:
    found = check(rows("real train", "fake train"), some(0), flipped(some(0), 3))
    assert codes(found) == ["note near-duplicate-in-two-labels"]
    assert "2 images nearly like one of the other label" in found[0].message
    assert found[0].examples == ("0.png ~ 1.png (1 of 255 bits)",)


def test_one_side_may_repeat_itself(rows: Rows) -> None:
    """Frames of one video do."""
    assert not check(rows("real train", "real train"), some(0), some(0))
    assert not check(rows("real train", "real"), some(0), some(1))
    assert not check(rows("real train", "real"), some(0), flipped(some(0), 1))  # no split


def test_images_without_a_print_are_left_out(rows: Rows) -> None:
    manifest = rows("real train", "real test", "real test")
    assert not list(check_near_duplicates(manifest, [Look(0, b""), Look(0, b""), None]))


def test_the_search_finds_what_comparing_all_pairs_finds(rows: Rows) -> None:
    rng = np.random.default_rng(3)
    splits = ["train", "val", "test"]
    manifest = rows(*(f"{rng.choice(['real', 'fake'])} {rng.choice(splits)}" for _ in range(120)))
    seeds = [some(seed) for seed in range(10)]
    prints = [
        flipped(seeds[n % 10], *(int(p) for p in rng.choice(255, rng.integers(0, 14), False)))
        for n in range(120)
    ]
    found = {(min(i, j), max(i, j), bits) for i, j, bits in _pairs(manifest, prints)}
    wanted = set()
    for i in range(120):
        for j in range(i + 1, 120):
            one, other = manifest.rows[i], manifest.rows[j]
            bits = sum((a ^ b).bit_count() for a, b in zip(prints[i], prints[j], strict=True))
            if bits <= MAX_BITS and (one.split, one.label) != (other.split, other.label):
                wanted.add((i, j, bits))
    assert found == wanted
    assert len(wanted) > 50


def _pairs(manifest: Manifest, prints: list[bytes]):
    return near_pairs(manifest, [Look(0, one) for one in prints])


def test_many_images_do_not_take_all_pairs() -> None:
    """All pairs of 10 000 are 50 million; of random prints hardly two share a piece."""
    count = 10_000
    label = HierarchicalLabel("real")
    manifest = Manifest(
        Path(), tuple(Row(Path(f"{n}"), label, "test" if n % 2 else "train") for n in range(count))
    )
    prints = np.random.default_rng(0).bytes(32 * count)
    looks = [Look(0, prints[32 * n : 32 * n + 32]) for n in range(count)]
    looks[9_999] = Look(0, flipped(looks[0].print, 7))
    start = time.process_time()
    (found,) = check_near_duplicates(manifest, looks)
    assert time.process_time() - start < 20
    assert found.examples == ("0 ~ 9999 (1 of 255 bits)",)


def test_exact_copies_are_left_to_the_other_check(save, noise, tmp_path: Path) -> None:
    smooth = np.kron(noise(6, 6), np.ones((12, 12, 1), np.uint8))
    label = HierarchicalLabel("real")
    one, same = save("a.png", smooth), save("b.png", smooth)
    rows = [Row(Path(one.name), label, "train"), Row(Path(same.name), label, "test")]
    codes = {one.code for one in audit(Manifest(tmp_path, tuple(rows)), looks=True).findings}
    assert "duplicate-in-two-splits" in codes
    assert "near-duplicate-in-two-splits" not in codes
    save("b.jpg", smooth, quality=80)
    rows[1] = replace(rows[1], path=Path("b.jpg"))
    manifest = Manifest(tmp_path, tuple(rows))
    assert "near-duplicate-in-two-splits" in {
        one.code for one in audit(manifest, looks=True).findings
    }
    assert "near-duplicate-in-two-splits" not in {one.code for one in audit(manifest).findings}


@pytest.mark.parametrize("looks", [False, True])
def test_progress_rises_to_its_total(make_manifest, looks: bool) -> None:
    steps: list[tuple[int, int]] = []
    audit(make_manifest(6), progress=lambda *step: steps.append(step), looks=looks)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == ((18, 18) if looks else (12, 12))
