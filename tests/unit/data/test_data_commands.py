"""mfclip data check, stats and import, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from mfclip.cli.app import command_tree
from mfclip.data.manifest import read_manifest
from mfclip.errors import DataError, RecipeError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path


def data(*words: object) -> Result:
    return CliRunner().invoke(command_tree(), ["data", *map(str, words)])


def save(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(60, 190, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)


@pytest.fixture
def celeb(place: Path) -> Path:
    names = ("Celeb-real/frames/id0_0000", "YouTube-real/frames/00170")
    fakes = ("Celeb-synthesis/frames/id0_id1_0000", "Celeb-synthesis/frames/id0_id1_0001")
    for number, name in enumerate((*names, *fakes)):
        for frame in range(4):
            save(place / "Celeb-DF" / name / f"{frame}.png", 10 * number + frame)
    lines = [
        f"{int('real' in name)} {name.replace('frames/', '')}.mp4" for name in (*names, *fakes)
    ]
    (place / "Celeb-DF/List_of_testing_videos.txt").write_text("\n".join(lines))
    return place / "Celeb-DF"


def test_import_writes_a_manifest_that_reads_back(celeb: Path) -> None:
    done = data("import", "celeb-df", "Celeb-DF", "--set", "frames=2", "--out", "lists/celeb.csv")
    assert done.exit_code == 0, done.output
    assert "wrote lists/celeb.csv: 8 images of 4 videos" in done.stdout
    manifest = read_manifest(Path("lists/celeb.csv"))
    assert {row.split for row in manifest} == {"test"}
    assert all(file.is_file() for file in manifest.files())
    done = data("import", "celeb-df", "Celeb-DF", "--set", "version=v1", "--out", "celeb.csv")
    manifest = read_manifest(Path("celeb.csv"))
    assert manifest.rows[0].path == Path("Celeb-DF/Celeb-real/frames/id0_0000/0.png")
    assert manifest.rows[0].video == "celeb-df-v1/Celeb-real/id0_0000"


def test_import_extracts_videos(celeb: Path) -> None:
    av = pytest.importorskip("av")
    (celeb / "YouTube-real/frames").rename(celeb.parent / "away")
    with av.open(str(celeb / "YouTube-real/00170.mp4"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    done = data("import", "celeb-df", "Celeb-DF", "--set", "frames=2", "--out", "celeb.csv")
    assert done.exit_code == 0, done.output
    frames = [file for file in read_manifest(Path("celeb.csv")).files() if "00170" in file.parts]
    assert [frame.name for frame in frames] == ["000001.png", "000003.png"]


def test_a_failed_import_leaves_the_earlier_manifest(celeb: Path) -> None:
    Path("celeb.csv").write_text("earlier")
    (celeb / "YouTube-real").rename(celeb / "Youtube-real")
    done = data("import", "celeb-df", "Celeb-DF", "--out", "celeb.csv")
    assert isinstance(done.exception, DataError)
    assert "YouTube-real: there is no such folder" in str(done.exception)
    assert Path("celeb.csv").read_text() == "earlier"


def test_remarks_are_told_once_and_plainly(celeb: Path) -> None:
    (celeb / "extras").mkdir()
    done = data("import", "celeb-df", "Celeb-DF", "--out", "celeb.csv")
    told = [line for line in done.stderr.splitlines() if line.startswith("warning:")]
    assert told == [f"warning: {celeb}: extras/ is not part of the layout and is left out"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("celeb-dv", "Celeb-DF"), "no dataset is called 'celeb-dv'; did you mean 'celeb-df'?"),
        (("celeb-df", "x", "--set", "framse=3"), "unknown key 'framse'; did you mean 'frames'?"),
        (("celeb-df", "x", "--set", "frames=0"), "should be greater than or equal to 1"),
    ],
)
def test_settings_are_checked_as_a_recipe_is(words, told: str) -> None:
    done = data("import", *words, "--out", "celeb.csv")
    assert isinstance(done.exception, RecipeError)
    assert told in str(done.exception)


def test_check_of_a_manifest_with_errors(celeb: Path) -> None:
    data("import", "celeb-df", "Celeb-DF", "--out", "celeb.csv")
    assert data("check", "celeb.csv").exit_code == 0
    first = celeb / "Celeb-real/frames/id0_0000/0.png"
    (celeb / "Celeb-synthesis/frames/id0_id1_0000/0.png").write_bytes(first.read_bytes())
    done = data("check", "celeb.csv", "--json")
    assert done.exit_code == DataError.exit_code == 5
    found = json.loads(done.stdout)
    assert found["errors"] == 1
    assert found["findings"][0]["code"] == "duplicate-in-two-labels"
    assert "duplicate-in-two-labels" not in data("check", "celeb.csv").output
    assert "1 file there twice or more, with two labels" in data("check", "celeb.csv").stderr


def test_check_decodes_unless_it_is_to_be_quick(celeb: Path) -> None:
    data("import", "celeb-df", "Celeb-DF", "--out", "celeb.csv")
    assert "brightness" in data("check", "celeb.csv").stderr
    assert "brightness" not in data("check", "celeb.csv", "--quick").stderr


def test_check_of_a_recipe_wants_all_three_splits(celeb: Path) -> None:
    recipe = 'recipe = 1\nassembly = "mfclip"\n[data]\nuse = "celeb-df"\nroot = "Celeb-DF"\n'
    Path("r.toml").write_text(recipe + "[training]\n")
    done = data("check", "r.toml", "--quick", "--json")
    assert done.exit_code == 5
    codes = [finding["code"] for finding in json.loads(done.stdout)["findings"]]
    assert codes.count("empty-split") == 2


def test_stats_of_a_folder(place: Path) -> None:
    for number, name in enumerate(("real/a", "real/b", "fake/stylegan/c")):
        save(place / "faces" / f"{name}.png", number)
    done = data("stats", "faces")
    assert done.exit_code == 0
    assert "fake   -        stylegan" in done.stdout
    tables = json.loads(data("stats", "faces", "--json").stdout)
    assert [row["images"] for row in tables["labels"]] == [1, 2]
    assert tables["files"][0] == {"label": "real", "format": "PNG", "size": "16 x 16", "images": 2}


def test_files_that_further_columns_name_are_seen_from_the_manifest(celeb: Path) -> None:
    for out in ("lists/celeb.csv", "celeb.csv"):  # below another folder, and above the data
        done = data("import", "celeb-df", "Celeb-DF", "--out", out)
        assert done.exit_code == 0, done.output
        manifest = read_manifest(Path(out))
        named = {row.path.parent.name: dict(row.further)["counterpart"] for row in manifest}
        photo = Path(named["id0_id1_0000"])
        assert (manifest.root / photo).samefile(celeb / "Celeb-real/frames/id0_0000/3.png")
        assert photo.is_absolute() == (out != "celeb.csv")
        assert named["00170"] == ""


def test_check_can_read_some_of_the_files(celeb: Path) -> None:
    data("import", "celeb-df", "Celeb-DF", "--set", "frames=2", "--out", "celeb.csv")
    done = data("check", "celeb.csv", "--quick", "--sample", "3", "--seed", "1")
    assert "note: 3 of 8 files were read, drawn with seed 1" in " ".join(done.stderr.split())
    assert data("check", "celeb.csv", "--sample", "0").exit_code == 2
