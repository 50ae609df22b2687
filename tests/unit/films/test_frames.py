"""Frames of films: the right ones, upright, in the right colours; and what is wrong with one."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from skimage.transform import resize

from mfclip.data.images import ImageError
from mfclip.errors import MissingExtraError
from mfclip.films.extent import extent_of
from mfclip.films.frames import Damage, each_frame, evenly_shown, spaced, wanted_of


def grey(number: int) -> np.ndarray:
    """A frame whose grey is five times its number, on 64 x 48 pixels, with a bright left edge."""
    pixels = np.full((48, 64, 3), 40 + 5 * (number % 40), np.uint8)
    pixels[:, :8] = 250
    return pixels


def value(frame) -> int:
    """The number that a frame of :func:`grey` shows."""
    return round((float(frame.rgb()[8:40, 24:56].mean()) - 40) / 5)


def taken(path, wanted):
    extent = extent_of(path)
    return [(f.number, value(f)) for f in evenly_shown(each_frame(path), extent, wanted)]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi", "film.ts", "film.mov"])
def test_every_frame_in_order_with_its_time(make_film, name):
    # AVI has no times of its own, and guesses those of frames that are coded out of order
    codec = "ffv1" if name.endswith("avi") else "libx264"
    path = make_film(name, map(grey, range(30)), codec=codec)
    frames = [(f.number, value(f), round(float(f.time) * 25)) for f in each_frame(path)]
    assert frames == [(n, n, n) for n in range(30)]
    extent = extent_of(path)
    assert (extent.packets, round(float(extent.seconds), 3)) == (30, 1.2)
    assert not extent.variable


@pytest.mark.parametrize("wanted", [1, 2, 3, 7, 10, 29, 30, 31, 100])
def test_at_an_even_rate_the_frames_are_those_of_the_readers(make_film, wanted):
    path = make_film("film.mp4", map(grey, range(30)))
    assert taken(path, wanted) == [(n, n) for n in spaced(30, wanted)]


def test_at_a_variable_rate_frames_are_taken_by_time(make_film):
    """Ten frames of 1/25 s, then one that stays for 4 s, then ten more."""
    times = [*range(10), 10, *range(110, 120)]
    path = make_film("film.mp4", map(grey, range(21)), times=times)
    extent = extent_of(path)
    assert extent.variable
    assert float(extent.seconds) == pytest.approx((119 + 119 / 20) / 25)
    frames = list(evenly_shown(each_frame(path), extent, 12))
    shown_from = np.array(times) / 25
    for k in range(12):
        due = (k + 0.5) * float(extent.seconds) / 12
        assert int(np.searchsorted(shown_from, due, side="right") - 1) in {f.number for f in frames}
    assert [f.number for f in frames] == [5, 10, 20]


def test_a_rate_is_frames_a_second(make_film):
    path = make_film("film.mp4", map(grey, range(40)))
    assert wanted_of(extent_of(path), 32, 5.0) == 8
    assert wanted_of(extent_of(path), 32, 0.1) == 1
    assert wanted_of(extent_of(path), 32, None) == 32


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_a_rotated_film_is_upright(make_film, rotation, name):
    shown = grey(3)
    shown[:12, 32:] = (200, 30, 30)
    path = make_film(name, [shown] * 5, rotation=rotation)
    for frame in each_frame(path):
        found = frame.rgb().astype(int)
        # FFmpeg's matrix turns against the clock; numpy's rot90 does too
        wanted = np.rot90(shown, rotation // 90).astype(int)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).mean() < 4
        assert frame.notes() == [f"turned upright by {rotation} degrees"]


def test_a_mirrored_film_is_mirrored_back(make_film):
    matrix = [-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]
    path = make_film("film.mp4", [grey(3)] * 3, change=lambda s: s.set_display_matrix(matrix))
    frame = next(each_frame(path))
    assert np.abs(frame.rgb().astype(int) - grey(3)[:, ::-1]).mean() < 4
    assert frame.notes() == ["mirrored"]


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p10le"), ("ffv1", "yuv444p10le")]
)
def test_ten_bits_become_eight(make_film, codec, pix_fmt):
    path = make_film("film.mkv", map(grey, range(10)), codec=codec, pix_fmt=pix_fmt)
    frames = list(each_frame(path))
    assert [value(frame) for frame in frames] == list(range(10))
    assert frames[0].notes() == ["10 bits a channel, rounded to 8"]


@pytest.mark.parametrize("matrix", [1, 5])
def test_colours_follow_the_matrix_that_the_film_names(make_film, matrix):
    """Against the formula of ITU-R BT.709 (1) and BT.601 (5), 16-235."""
    red, blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114)}[matrix]
    rgb = np.array([200, 60, 90])
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    planes = np.array(
        [
            16 + 219 * luma / 255,
            128 + 112 * (rgb[2] - luma) / 255 / (1 - blue),
            128 + 112 * (rgb[0] - luma) / 255 / (1 - red),
        ]
    ).round()
    frame = av.VideoFrame(32, 32, "yuv444p")
    for plane, level in zip(frame.planes, planes, strict=True):
        plane.update(bytes([int(level)]) * plane.buffer_size)
    frame.colorspace, frame.color_range = matrix, 1
    from mfclip.films.picture import as_rgb

    assert np.abs(as_rgb(frame).reshape(-1, 3).astype(int) - rgb).max() <= 2


def test_one_field_of_an_interlaced_film(make_film):
    """Upper and lower lines are of two moments: a bar that has moved on. One of them is seen."""
    early, late = np.zeros((2, 48, 64, 3), np.uint8)
    early[:, 10:20], late[:, 40:50] = 220, 220
    woven = early.copy()
    woven[1::2] = late[1::2]
    path = make_film(
        "film.mp4",
        [woven] * 6,
        options={"crf": "2", "flags": "+ildct+ilme", "x264-params": "tff=1"},
    )
    frame = next(each_frame(path))
    assert frame.decoded.interlaced_frame
    found = frame.rgb().astype(float)
    assert found[:, 11:19].mean() > 180
    assert found[:, 41:49].mean() < 30
    wanted = resize(early[::2].astype(float), (48, 64), order=1)
    assert np.abs(found - wanted).mean() < 8
    assert frame.notes() == ["interlaced: the upper field of each frame"]


def failure(path):
    with pytest.raises(ImageError) as caught:
        taken(path, 4)
    return str(caught.value.status), caught.value.reason


def noisy(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
@pytest.mark.parametrize("part", [0.6, 0.9, 0.02])
def test_a_film_that_was_cut(make_film, name, part):
    movable = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = make_film(name, noisy(100), container=movable)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    status, reason = failure(path)
    assert status == "truncated", reason
    assert "copy it again" in reason


def test_a_film_without_its_index(make_film):
    path = make_film("film.mp4", noisy(20))
    path.write_bytes(path.read_bytes()[:-600])
    assert failure(path)[0] == "truncated"


def test_few_damaged_packets_are_passed_over(make_film):
    path = make_film("film.avi", noisy(100), codec="ffv1", pix_fmt="yuv420p")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as film:
        place = [packet.pos for packet in film.demux(video=0) if packet.size][50]
    data[place + 8 : place + 1000] = bytes(992)
    path.write_bytes(data)
    damage = Damage()
    frames = [frame.number for frame in each_frame(path, damage)]
    assert damage.packets <= 2
    assert len(frames) >= 98


def test_sound_alone(sound_only):
    assert failure(sound_only) == (
        "no-video",
        "it holds no video, but audio; give a film or its frames",
    )


def test_a_film_without_frames(tmp_path):
    path = tmp_path / "none.avi"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        film.start_encoding()
    assert failure(path)[0] == "no-frame"


def test_an_encrypted_film(make_film):
    key = "00112233445566778899aabbccddeeff"
    secret = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    path = make_film("film.mp4", map(grey, range(10)), container=secret)
    assert failure(path) == ("encrypted", "its video is encrypted; decrypt it first")


def test_what_is_no_film(tmp_path, make_film):
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    playlist = tmp_path / "list.mp4"
    film = make_film("film.ts", map(grey, range(5)))
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n")
    assert failure(text)[0] == "not-a-film"
    assert failure(empty)[0] == "empty"
    assert failure(tmp_path / "gone.mp4")[0] == "missing"
    assert failure(tmp_path)[0] == "unreadable"
    assert failure(playlist)[0] == "not-a-film"


def test_times_never_fall_and_start_at_nought(make_film):
    path = make_film("film.ts", map(grey, range(20)), times=range(500, 520))
    times = [frame.time for frame in each_frame(path)]
    assert times[0] == 0
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] == Fraction(19, 25)


def test_without_pyav(make_film, monkeypatch):
    path = make_film("film.mp4", map(grey, range(2)))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"mfclip\[video\]"):
        extent_of(path)
