from dataclasses import replace
from pathlib import Path

from mfclip.data.manifest import Manifest
from mfclip.data.stats import count_files, count_rows


def test_images_and_videos_by_kind(make_manifest) -> None:
    made = make_manifest(6)
    videos = ["a", "b", "a", "b", "", "c"]
    rows = tuple(replace(row, video=v, group="g") for row, v in zip(made, videos, strict=True))
    table = count_rows(replace(made, rows=rows))
    assert table.as_dicts() == [
        {
            **{"split": "train", "label": "fake", "forgery": "FS", "generator": "swapper"},
            **{"group": "g", "videos": 2, "images": 3},
        },
        {
            **{"split": "train", "label": "real", "forgery": "", "generator": ""},
            **{"group": "g", "videos": 1, "images": 3},
        },
    ]
    assert (
        table.as_text().splitlines()[2] == "train  real   -        -          g      1            3"
    )


def test_formats_and_sizes(make_manifest, save) -> None:
    made = make_manifest(4)
    save("001.png", size=20)
    made.files()[3].unlink()
    table = count_files(made)
    assert table.rows == [
        ("fake", "PNG", "20 x 20", 1),
        ("fake", "missing", "", 1),
        ("real", "PNG", "20 x 20", 1),
        ("real", "PNG", "22 x 22", 1),
    ]


def test_many_sizes_are_summed(tmp_path: Path, save, make_manifest) -> None:
    made = make_manifest(20)
    for number, file in enumerate(made.files()):
        save(file.name, size=8 + number)
    steps: list[tuple[int, int]] = []
    table = count_files(made, lambda *step: steps.append(step))
    assert len(table.rows) == 12
    assert table.rows[-1] == ("any", "other", "9 kinds", 9)
    assert sum(row[-1] for row in table.rows) == 20
    assert steps[-1] == (20, 20)


def test_no_rows(tmp_path: Path) -> None:
    assert count_files(Manifest(tmp_path, ())).rows == []
