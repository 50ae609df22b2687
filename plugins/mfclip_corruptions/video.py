"""Video compression: real H.264, coded by x264 and decoded again through PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import torch
from jaxtyping import Int32, UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.errors import MissingExtraError, PluginError
from mfclip_corruptions.colour import (
    FROM_SCALE,
    FROM_YCBCR,
    TO_SCALE,
    TO_YCBCR,
    divided,
    mix,
)

if TYPE_CHECKING:
    from av import VideoCodecContext

ENCODER = "libx264"


def require_encoder() -> None:
    """Make sure that x264 is there.

    Raises
    ------
    MissingExtraError
        Without PyAV.
    PluginError
        With a PyAV that was built without x264.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("the corruption 'video-compression'", "video") from error
    if ENCODER not in av.codecs_available:
        raise PluginError(
            f"video-compression: PyAV {av.__version__} was built without {ENCODER}; "
            "install the wheel that its authors publish: pip install --only-binary av av"
        )


def compress_video(
    images: UInt8[Tensor, "batch 3 height width"], crf: int, seeds: Sequence[int]
) -> UInt8[Tensor, "batch 3 height width"]:
    """Code each image as an H.264 video of one frame at a constant rate factor, and decode it.

    ``crf`` is x264's: 0 without loss, 51 the worst. The preset is "medium", x264's default, and
    the profile high. A single frame is a key frame: x264 gives it slightly more bits than the
    frames between (ip_ratio 1.4). One thread, so that the result depends on no number of cores.
    An odd height or width is coded with its last row or column twice. Not random. Computed on
    the CPU.
    """
    height, width = images.shape[-2:]
    even = functional.pad(images.cpu().float(), (0, width % 2, 0, height % 2), mode="replicate").to(
        images.dtype
    )
    frames = [_decoded(h264_bytes(frame, crf)) for frame in to_frames(even)]
    return from_frames(torch.stack(frames))[..., :height, :width].to(images.device)


def h264_bytes(frame: UInt8[Tensor, "rows width"], crf: int) -> bytes:
    """The coded video: an H.264 byte stream (Annex B) of one key frame, from :func:`to_frames`."""
    import av

    encoder = cast("VideoCodecContext", av.CodecContext.create(ENCODER, "w"))
    encoder.width, encoder.height = frame.shape[1], frame.shape[0] // 3 * 2
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "medium"}
    picture = av.VideoFrame.from_ndarray(frame.numpy(), format="yuv420p")
    picture.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode()))


def _decoded(video: bytes) -> UInt8[Tensor, "rows width"]:
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    (picture,) = (*decoder.decode(av.Packet(video)), *decoder.decode())
    return torch.from_numpy(picture.to_ndarray(format="yuv420p"))


def to_frames(
    images: UInt8[Tensor, "batch 3 height width"],
) -> UInt8[Tensor, "batch rows width"]:
    """RGB of an even height and width to YCbCr 4:2:0 (BT.601, 16-235).

    A frame has rows of the image's width: H of Y, then the values of Cb and of Cr, H / 4 rows
    each, which may break in the middle of a row.
    A colour sample is the mean of four pixels. Rounded once, to the nearest level, halves up.
    """
    exact = mix(images.int(), TO_YCBCR)
    luma = 16 + divided(exact[:, 0], TO_SCALE)
    corners = [exact[:, 1:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    chroma = 128 + divided(torch.stack(corners).sum(0), 4 * TO_SCALE)
    planes = torch.cat([luma.flatten(1), chroma.flatten(1)], dim=1)
    return planes.to(images.dtype).view(len(images), -1, images.shape[-1])


def from_frames(
    frames: UInt8[Tensor, "batch rows width"],
) -> UInt8[Tensor, "batch 3 height width"]:
    """YCbCr 4:2:0 to RGB: four pixels share a colour sample; rounded, then clipped to 0-255."""
    batch, rows, width = frames.shape
    height = rows // 3 * 2
    planes: Int32[Tensor, "batch values"] = frames.int().flatten(1)
    luma = planes[:, : height * width].view(batch, 1, height, width) - 16
    chroma = planes[:, height * width :].view(batch, 2, height // 2, width // 2) - 128
    spread = chroma.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    rgb = divided(mix(torch.cat([luma, spread], dim=1), FROM_YCBCR), FROM_SCALE)
    return rgb.clamp(0, 255).to(frames.dtype)
