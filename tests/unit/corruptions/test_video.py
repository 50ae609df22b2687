import io
import sys
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from mfclip.errors import MissingExtraError, PluginError
from mfclip.parts import BuildContext
from mfclip_corruptions.parts import VideoCompression
from mfclip_corruptions.video import compress_video, from_frames, h264_bytes, to_frames

RATE_FACTORS = (30, 32, 35, 38, 40)


def units(stream: bytes) -> list[int]:
    """Types of the stream's units: 7 and 8 are parameters, 6 is a remark, 5 a key frame."""
    parts = stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    assert parts[0] == b""
    return [part[0] & 31 for part in parts[1:]]


@pytest.fixture
def frame(photo):
    return to_frames(photo("face", 96)[None])[0]


@pytest.mark.parametrize("crf", RATE_FACTORS)
def test_the_stream_is_h264_by_x264_at_that_rate_factor(frame, crf):
    stream = h264_bytes(frame, crf)
    assert units(stream) == [7, 8, 6, 5]
    assert b"x264 - core" in stream
    told = stream[stream.index(b"options:") :].split(b"\0")[0].decode()
    assert f" crf={crf}.0 " in told
    assert " rc=crf " in told
    assert " threads=1 " in told


def test_another_reader_finds_one_h264_picture(frame):
    with av.open(io.BytesIO(h264_bytes(frame, 30)), format="h264") as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        (picture,) = video.decode(stream)
        assert picture.key_frame
        assert (picture.width, picture.height) == (96, 96)


def test_a_higher_rate_factor_takes_fewer_bytes_and_keeps_less(photo, photos):
    for name in photos:
        image = photo(name, 128)
        frame = to_frames(image[None])[0]
        sizes = [len(h264_bytes(frame, crf)) for crf in RATE_FACTORS]
        kept = [
            peak_signal_noise_ratio(image.numpy(), compress_video(image[None], crf, [0])[0].numpy())
            for crf in RATE_FACTORS
        ]
        assert all(more > less for more, less in pairwise(sizes)), (name, sizes)
        assert all(more > less for more, less in pairwise(kept)), (name, kept)


def test_levels_are_the_rate_factors(photo):
    image = photo("cat", 48)
    corrupt = VideoCompression().build(BuildContext())
    for level, crf in enumerate(RATE_FACTORS, start=1):
        assert torch.equal(corrupt(image, level, 0), compress_video(image[None], crf, [0])[0])


def test_without_loss_only_the_colours_change_places(photo):
    image = photo("face", 64)[None]
    assert torch.equal(compress_video(image, 0, [0]), from_frames(to_frames(image)))


def test_frames_are_scikit_images_ycbcr(photo):
    image = photo("coffee", 32)
    wanted = rgb2ycbcr(image.permute(1, 2, 0).numpy())
    frame = to_frames(image[None])[0].numpy()
    assert frame.shape == (48, 32)
    assert np.abs(frame[:32] - wanted[..., 0]).max() < 0.51
    means = wanted[..., 1:].reshape(16, 2, 16, 2, 2).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(frame[32:].reshape(2, 16, 16) - means).max() < 0.51


def test_frames_are_ffmpegs(photo):
    """FFmpeg's own conversion of the same frame, which filters the colours a little."""
    frame = to_frames(photo("face", 64)[None])
    picture = av.VideoFrame.from_ndarray(frame[0].numpy(), format="yuv420p")
    wanted = torch.from_numpy(picture.to_ndarray(format="rgb24")).permute(2, 0, 1)
    apart = (from_frames(frame)[0].int() - wanted).abs().float()
    assert apart.mean() < 1.5


def test_grey_goes_there_and_back():
    grey = torch.arange(256).byte().repeat_interleave(2).expand(1, 3, 2, 512)
    assert (from_frames(to_frames(grey)).int() - grey.int()).abs().max() <= 1


def test_odd_sizes_are_cut_back(photo):
    image = photo("cat", 64)[:, :33, :47]
    even = torch.cat([image, image[:, -1:]], dim=1)
    even = torch.cat([even, even[:, :, -1:]], dim=2)
    wanted = compress_video(even[None], 35, [0])[..., :33, :47]
    assert torch.equal(compress_video(image[None], 35, [0]), wanted)


def test_without_pyav_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"'video-compression' needs .*'mfclip\[video\]'"):
        VideoCompression().build(BuildContext())


def test_without_x264_it_is_told(monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"h264", "mpeg4"})
    with pytest.raises(PluginError, match="was built without libx264"):
        VideoCompression().build(BuildContext())
