"""Opening a film with PyAV, or saying what is the matter with it.

Nothing but the named file is read: only demuxers of the list are tried, so that a playlist leads
nowhere, and no protocol but files is allowed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.data.images import MAX_PIXELS, ImageError, ImageStatus, open_regular
from mfclip.data.signatures import FILMS, HEAD, described, sniff
from mfclip.errors import MissingExtraError

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.video.stream import VideoStream

_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,asf_o,ogg,"
    "ivf,h264,hevc"
)
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
ENCRYPTED = "encryption_info"
"""Side data of a packet that a key is needed for."""


def require_av(what: str) -> None:
    """Raise :class:`mfclip.errors.MissingExtraError` where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(what, "video") from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A film's container and its first video stream that is no picture of a cover.

    Errors of the file system and of FFmpeg inside the block become :class:`ImageError` too.

    Raises
    ------
    ImageError
        ``missing``, ``unreadable``, ``empty``; ``not-a-film``; ``truncated`` where it begins as a
        film and cannot be opened; ``no-video``; ``unsupported-format`` for a codec that is not
        decoded; ``too-large``.
    MissingExtraError
        Without PyAV.
    """
    require_av("reading films")
    import av

    form = _form(path)
    try:
        with av.open(str(path.resolve()), options=dict(_OPTIONS)) as container:
            stream = _video(path, container)
            stream.thread_type = "AUTO"
            yield container, stream
    except av.InvalidDataError as error:
        raise _undecoded(path, form, error) from error
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(path, ImageStatus.UNREADABLE, reason) from error


def packets(
    path: Path, container: InputContainer, stream: VideoStream | None = None
) -> Generator[Packet[Any], None, None]:
    """Packets of one stream, or of all, in the order of the file.

    Raises :class:`ImageError`: ``encrypted``.
    """
    for packet in container.demux(stream) if stream is not None else container.demux():
        if any(str(found.data_type) == ENCRYPTED for found in packet.iter_sidedata()):
            reason = "its video is encrypted; decrypt it first"
            raise ImageError(path, ImageStatus.ENCRYPTED, reason)
        yield packet


def _form(path: Path) -> str | None:
    """The container by its first bytes, in the words of :func:`mfclip.data.signatures.sniff`."""
    with open_regular(path) as stream:
        return sniff(stream.read(HEAD))


def _video(path: Path, container: InputContainer) -> VideoStream:
    import av

    cover = av.stream.Disposition.attached_pic
    shown = [stream for stream in container.streams.video if cover not in stream.disposition]
    if not container.streams.video and not container.streams.audio:
        reason = "its index is cut off or damaged; copy it again"
        raise ImageError(path, ImageStatus.TRUNCATED, reason)
    if not shown:
        found = ", ".join(sorted({stream.type for stream in container.streams}))
        reason = f"it holds no video, but {found}; give a film or its frames"
        raise ImageError(path, ImageStatus.NO_VIDEO, reason)
    stream = shown[0]
    if stream.codec_context is None:
        reason = "its video is in a codec that is not decoded; save it as H.264"
        raise ImageError(path, ImageStatus.UNSUPPORTED_FORMAT, reason)
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        reason = f"its frames are over the limit of {MAX_PIXELS} pixels; scale them down"
        raise ImageError(path, ImageStatus.TOO_LARGE, reason)
    return stream


def _undecoded(path: Path, form: str | None, error: Exception) -> ImageError:
    if form in FILMS:
        reason = f"it begins as {described(form)} and its index or its data are damaged ({error})"
        return ImageError(path, ImageStatus.TRUNCATED, f"{reason}; copy it again")
    seen = f"those of {described(form)}" if form else "those of no known film"
    return ImageError(path, ImageStatus.NOT_A_FILM, f"its bytes are {seen}")
