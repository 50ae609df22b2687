from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mfclip.data.audit.nuisance import NUISANCES, check_nuisances, nuisance_auc, rank_auc
from mfclip.data.audit.probing import Probe
from mfclip.data.audit.quality import Quality
from mfclip.data.images import ImageStatus
from mfclip.data.manifest import Manifest

Rows = Callable[..., Manifest]
Codes = Callable[..., list[str]]
FORMAT, SIZE, QUALITY, ASPECT, BRIGHTNESS, FILE_SIZE = NUISANCES


def file(
    form: str = "JPEG", width: int = 100, height: int = 100, quality: int | None = 90
) -> Probe:
    known = Quality(quality) if quality and form == "JPEG" else None
    return Probe(ImageStatus.OK, "", 1, form, width, height, known)


def square(side: int) -> Probe:
    return file(width=side, height=side)


def check(rows: Rows, real: list[Probe], fake: list[Probe]) -> list[tuple[str, str]]:
    manifest = rows(*["real"] * len(real), *["fake"] * len(fake))
    found = check_nuisances(manifest, [*real, *fake])
    return [(finding.code, finding.message) for finding in found if finding.severity != "note"]


@pytest.mark.parametrize("seed", range(20))
def test_rank_auc_is_that_of_sklearn(seed: int) -> None:
    random = np.random.default_rng(seed)
    real = random.integers(0, 1 + 2 * seed, 30).tolist()
    fake = random.integers(0, 2 + 2 * seed, 20).tolist()
    expected = roc_auc_score([0] * 30 + [1] * 20, real + fake)
    assert rank_auc(real, fake) == pytest.approx(expected, abs=1e-12)


def test_alike_files_give_no_warning(rows: Rows, codes: Codes) -> None:
    same = [file(quality=quality) for quality in (70, 80, 90)] * 10
    assert check(rows, same, same) == []
    found = check_nuisances(rows(*["real"] * 30, *["fake"] * 30), same + same)
    assert codes(found) == ["note nuisance-auc"]


def test_real_jpeg_and_fake_png(rows: Rows) -> None:
    found = check(rows, [file("JPEG")] * 10, [file("PNG")] * 10)
    assert [code for code, _ in found] == ["format-differs"]
    assert "an AUC of 1.00 (real: JPEG 100 %; fake: PNG 100 %)" in found[0][1]


def test_smaller_fakes_have_an_auc_below_one_half() -> None:
    random = np.random.default_rng(0)
    real = [file(width=int(width)) for width in random.normal(300, 30, 200)]
    fake = [file(width=int(width)) for width in random.normal(240, 30, 200)]
    auc = nuisance_auc(SIZE, real, fake)
    pixels = [one.width * one.height for one in real + fake]
    assert auc == pytest.approx(roc_auc_score([0] * 200 + [1] * 200, pixels))
    assert auc < 0.1


def test_sizes_that_no_order_separates(rows: Rows) -> None:
    real = [square(200)] * 20
    fake = [square(side) for side in (100, 300)] * 10
    assert [code for code, _ in check(rows, real, fake)] == ["size-differs"]


def test_sizes_of_equal_area_differ(rows: Rows) -> None:
    found = check(rows, [file(width=50, height=200)] * 10, [file(width=200, height=50)] * 10)
    assert [code for code, _ in found] == ["size-differs", "aspect-differs"]


def test_jpeg_quality(rows: Rows) -> None:
    real = [file(quality=quality) for quality in (85, 90, 95)] * 5
    fake = [file(quality=75)] * 15
    ((code, message),) = check(rows, real, fake)
    assert code == "quality-differs"
    assert "real: 85 33 %, 90 33 %, 95 33 %; fake: 75 100 %" in message


def test_jpeg_tables_that_are_like_one_quality(rows: Rows) -> None:
    real = [replace(file(), quality=Quality(90, "aaaa"))] * 10
    assert [code for code, _ in check(rows, real, [file(quality=90)] * 10)] == ["quality-differs"]


def test_quality_is_compared_among_jpegs_only(rows: Rows) -> None:
    real = [file(quality=90)] * 10 + [file("PNG")] * 10
    fake = [file(quality=90)] * 10 + [file("PNG")] * 10
    assert check(rows, real, fake) == []


def test_categories_without_a_signal_stay_near_one_half() -> None:
    """Counting shares on the very files that are scored would give about 0.6 here."""
    random = np.random.default_rng(0)
    aucs = [
        nuisance_auc(
            FORMAT,
            [file(str(form)) for form in random.integers(0, 20, 100)],
            [file(str(form)) for form in random.integers(0, 20, 100)],
        )
        for _ in range(50)
    ]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.03)


def test_chance_in_few_files_is_no_warning(rows: Rows) -> None:
    assert check(rows, [file(width=90), file()], [file(width=110), file(width=120)]) == []


def test_groups_are_judged_by_themselves(rows: Rows) -> None:
    """Clean groups of different shares: a warning overall, none inside."""
    lines = ["real train a x"] * 30 + ["fake train a x"] * 10
    lines += ["real train a y"] * 10 + ["fake train a y"] * 30
    probes = [square(100)] * 40 + [square(200)] * 40
    found = list(check_nuisances(rows(*lines), probes))
    warnings = [finding for finding in found if finding.severity == "warning"]
    assert [finding.code for finding in warnings] == ["size-differs"]
    assert warnings[0].message.startswith("overall: ")
    assert found[-1].examples[:2] == ("overall, format: 0.50", "overall, size: 0.75")
    assert "group 'x', size: 0.50" in found[-1].examples


def test_a_group_that_is_not_clean(rows: Rows) -> None:
    lines = ["real train a x", "fake train a x"] * 10 + ["real train a y", "fake train a y"] * 10
    probes = [file()] * 20 + [file("JPEG"), file("PNG")] * 10
    found = list(check_nuisances(rows(*lines), probes))
    assert "group 'y': the file format alone" in " ".join(one.message for one in found)
    assert "group 'x': the file format alone" not in " ".join(one.message for one in found)


def test_broken_files_and_missing_classes_do_not_count(rows: Rows) -> None:
    broken = Probe(ImageStatus.EMPTY, "has no bytes")
    assert check(rows, [file("JPEG")] * 9 + [broken], [broken] * 10) == []


def test_shapes_of_many_sizes(rows: Rows) -> None:
    """A resize to a square hides sizes; what is left is that fakes are stretched."""
    sides = range(60, 160)
    real = [square(side) for side in sides]
    fake = [file(width=side, height=round(1.25 * side)) for side in sides]
    assert "aspect-differs" in [code for code, _ in check(rows, real, fake)]


def test_brightness(rows: Rows) -> None:
    random = np.random.default_rng(0)
    real = [replace(file(), brightness=float(mean)) for mean in random.normal(100, 20, 100)]
    fake = [replace(file(), brightness=float(mean)) for mean in random.normal(140, 20, 100)]
    means = [one.brightness for one in real + fake]
    auc = nuisance_auc(BRIGHTNESS, real, fake)
    assert auc == pytest.approx(roc_auc_score([0] * 100 + [1] * 100, means), abs=0.05)
    ((code, message),) = check(rows, real, fake)
    assert code == "brightness-differs"
    assert "96-111" in message


def test_brightness_is_not_known_of_files_that_were_not_decoded(rows: Rows, codes: Codes) -> None:
    probes = [replace(file(), brightness=10.0)] * 20 + [file()] * 20
    found = check_nuisances(rows(*["real"] * 20, *["fake"] * 20), probes)
    assert codes(found) == ["note nuisance-auc"]


def test_the_size_of_files_is_told_but_no_fault(rows: Rows) -> None:
    """Smooth forgeries make small files, and no detector sees a file's size."""
    real, fake = [replace(file(), bytes=90_000)] * 20, [replace(file(), bytes=20_000)] * 20
    assert nuisance_auc(FILE_SIZE, real, fake) == 1
    assert check(rows, real, fake) == []
    (note,) = check_nuisances(rows(*["real"] * 20, *["fake"] * 20), real + fake)
    assert "overall, file-size: 1.00" in note.message
