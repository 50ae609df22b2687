"""``mfclip serve``: detectors behind HTTP, and a page for people."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfclip.cli.face_options import Faces, FaceSettings, face_choice
from mfclip.cli.options import Device, Precision, Registry, Runtime, TrustAnchors

if TYPE_CHECKING:
    from mfclip.recipe.settings import FacesSettings

PACKAGES = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")
"""What the extra ``serve`` installs."""


def serve(
    bundles: Annotated[
        list[Path],
        typer.Argument(help="Folders that mfclip-build wrote; the first is the default."),
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")
    ] = 8000,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Bearer tokens, one a line.")
    ] = None,
    without_tokens: Annotated[
        bool,
        typer.Option("--without-tokens", help="Answer everybody, also from other machines."),
    ] = False,
    max_bytes: Annotated[int, typer.Option("--max-bytes", min=1, help="Of one request.")] = 32
    << 20,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", min=1, max=1 << 26, help="Of one image.")
    ] = 1 << 26,
    max_files: Annotated[
        int, typer.Option("--max-files", min=1, help="Images in one request.")
    ] = 32,
    queue: Annotated[
        int, typer.Option("--queue", min=1, help="Requests in hand at once; others get 429.")
    ] = 64,
    max_film_bytes: Annotated[
        int, typer.Option("--max-film-bytes", min=1, help="Of a film's request.")
    ] = 512 << 20,
    max_frames: Annotated[
        int, typer.Option("--max-frames", min=1, help="Frames of a film that are scored.")
    ] = 1024,
    films: Annotated[
        int, typer.Option("--films", min=1, help="Films in hand at once; others get 429.")
    ] = 4,
    film_timeout: Annotated[
        float, typer.Option("--film-timeout", min=1, help="Seconds for a film to be scored.")
    ] = 600.0,
    keep: Annotated[
        float, typer.Option("--keep", min=1, help="Seconds that a film's answer is kept.")
    ] = 600.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds for a request.")
    ] = 60.0,
    drain: Annotated[
        float,
        typer.Option("--drain", min=1, help="Seconds to finish what is in hand after SIGTERM."),
    ] = 30.0,
    linger: Annotated[
        float,
        typer.Option(
            "--linger", min=0, max=1000, help="Milliseconds that a batch waits for more images."
        ),
    ] = 5.0,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            metavar="NAME|NUMBER",
            help="Where a request names none. Default: the detector's own.",
        ),
    ] = None,
    faces: Faces = None,
    face_settings: FaceSettings = None,
    explain: Annotated[
        bool | None,
        typer.Option(
            "--explain/--no-explain", help="Heat maps. Default: where captum is installed."
        ),
    ] = None,
    credentials: Annotated[
        bool,
        typer.Option(
            "--credentials", help="Say beside each image's score what its content credentials are."
        ),
    ] = False,
    anchors: TrustAnchors = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 24,
    device: Device = "auto",
    precision: Precision = None,
    runtime: Runtime = "auto",
    registry: Registry = None,
) -> None:
    """Score images and films over HTTP, with a page at / and a description at /openapi.json.

    An address that other machines reach needs --token-file. Nothing of an upload is kept. SIGTERM
    and Ctrl-C end the service when what it has in hand is answered.
    """
    _require_packages()
    from mfclip.cli.score import credentials_choice
    from mfclip.compute.allocator import keep_freed_memory
    from mfclip.serving.app import create_app
    from mfclip.serving.limits import Limits
    from mfclip.serving.models import load_models
    from mfclip.serving.run import serve as listen
    from mfclip.serving.tokens import read_tokens, require_tokens

    keep_freed_memory()
    tokens = read_tokens(token_file) if token_file else None
    require_tokens(host, tokens, without=without_tokens)
    signed = credentials_choice(credentials, anchors)
    wanted: FacesSettings | bool | None = face_choice(faces, face_settings, registry)
    models = load_models(
        bundles,
        device=device,
        precision=precision,
        runtime=runtime,
        registry=registry,
        faces=wanted,
        threshold=threshold,
        explain=explain,
        batch_size=batch_size,
    )
    limits = Limits(
        max_bytes=max_bytes,
        max_pixels=max_pixels,
        max_files=max_files,
        queue=queue,
        timeout=timeout,
        batch_size=batch_size,
        max_film_bytes=max_film_bytes,
        max_frames=max_frames,
        films=films,
        film_timeout=film_timeout,
        keep=keep,
        linger=linger / 1000,
    )
    app = create_app(models, limits, tokens=tokens, host=host, drain=drain, credentials=signed)
    listen(app, host=host, port=port, drain=drain)


def _require_packages() -> None:
    from mfclip.errors import MissingExtraError

    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise MissingExtraError(f"mfclip serve ({', '.join(absent)} not installed)", "serve")
