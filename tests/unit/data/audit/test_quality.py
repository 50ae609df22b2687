import io

import pytest
from PIL import Image

from mfclip.data.audit.quality import estimate_quality


def luminance(**how: object) -> tuple[int, ...]:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "JPEG", **how)
    return tuple(Image.open(buffer).quantization[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_of_libjpeg_files_is_exact(quality: int) -> None:
    table = luminance(quality=quality)
    same = [other for other in range(1, 101) if luminance(quality=other) == table]
    found = estimate_quality(table)
    assert found.level in same
    assert str(found) == str(found.level)


def test_tables_of_other_programs_get_a_near_quality_and_a_name() -> None:
    from PIL.JpegPresets import presets

    names = ("web_low", "web_medium", "web_high", "web_very_high")
    found = [estimate_quality(tuple(presets[name]["quantization"][0])) for name in names]
    assert found == sorted(found)
    assert len({quality.table for quality in found} - {""}) == 4
    assert str(found[0]) == f"like {found[0].level} (table {found[0].table})"


def test_a_table_one_step_off_keeps_its_level() -> None:
    table = luminance(quality=80)
    found = estimate_quality((table[0] + 1, *table[1:]))
    assert (found.level, bool(found.table)) == (80, True)
