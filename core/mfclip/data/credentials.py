"""Content credentials (C2PA): who signed a file, and whether it is as it was signed.

They are another kind of evidence than a score: a statement about where a file comes from, and not
about what it looks like. Nothing of them enters a score. Nothing is fetched: credentials that are
kept elsewhere, revocations and lists of trusted signers are not looked up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from mfclip.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from c2pa import Context

State = Literal["none", "invalid", "valid", "trusted", "unreadable"]
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}}


class Credentials(NamedTuple):
    """What a file's credentials say."""

    state: State
    """``none``: it has none. ``invalid``: it was changed after it was signed, or the signature is
    wrong. ``valid``: it is as its signer left it, whoever that is. ``trusted``: and the signer's
    certificate leads to one of those that were given. ``unreadable``: it cannot be looked at."""
    signer: str = ""
    """As the certificate names it; anybody can have one made with any name."""
    tool: str = ""
    """What wrote them, in its own words."""
    source: str = ""
    """What the signer says the picture is, in IPTC's words: ``digitalCapture``,
    ``trainedAlgorithmicMedia``, …; empty where it says nothing."""
    reason: str = ""
    """Why they are invalid, or the file cannot be looked at."""


class CredentialsReader:
    """Reads the credentials of files.

    Parameters
    ----------
    anchors
        A file of certificates in PEM whose signatures are trusted; None: no signer is.

    Raises
    ------
    MissingExtraError
        Where c2pa-python is not installed.
    UsageError
        Where ``anchors`` cannot be read or holds no certificate.
    """

    def __init__(self, anchors: Path | None = None) -> None:
        try:
            import c2pa
        except ImportError as error:
            raise MissingExtraError("reading content credentials", "credentials") from error
        settings: dict[str, Any] = dict(_OFFLINE)
        if anchors is not None:
            settings["trust"] = {"trust_anchors": _pem(anchors)}
        try:
            self._context: Context = c2pa.Context(c2pa.Settings.from_dict(settings))
        except c2pa.C2paError as error:
            raise UsageError(f"{anchors}: its certificates cannot be used: {error}") from error
        self._one_at_a_time = Lock()

    def __call__(self, file: Path) -> Credentials:
        """What the file's credentials say. A file that cannot be read is no error."""
        try:
            with file.open("rb") as stream:
                return self.read(stream)
        except OSError as error:
            return _unreadable(error)

    def read(self, stream: BinaryIO) -> Credentials:
        """The same of an opened file, or of bytes in memory; from any thread."""
        import c2pa

        try:
            with (
                self._one_at_a_time,
                c2pa.Reader(None, stream, context=self._context) as found,
            ):
                told = json.loads(found.json())
                state = found.get_validation_state()
        except c2pa.C2paError.ManifestNotFound:
            return Credentials("none")
        except (c2pa.C2paError, ValueError) as error:
            return _unreadable(error)
        return _read(told, state or "Invalid")


def _unreadable(error: Exception) -> Credentials:
    return Credentials("unreadable", reason=" ".join(str(error).split()))


def _pem(anchors: Path) -> str:
    try:
        text = anchors.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{anchors}: certificates in PEM are expected: {error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise UsageError(f"{anchors}: it holds no certificate in PEM (BEGIN CERTIFICATE)")
    return text


def _read(told: Mapping[str, Any], state: str) -> Credentials:
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    signature = manifest.get("signature_info") or {}
    names = (signature.get("issuer"), signature.get("common_name"))
    tools = manifest.get("claim_generator_info") or []
    return Credentials(
        state.lower(),  # type: ignore[arg-type]
        signer=", ".join(filter(None, names)),
        tool=", ".join(_tool(one) for one in tools),
        source=_source(manifest),
        reason="; ".join(_faults(told)) if state == "Invalid" else "",
    )


def _tool(info: Mapping[str, Any]) -> str:
    return " ".join(str(info[key]) for key in ("name", "version") if info.get(key))


def _source(manifest: Mapping[str, Any]) -> str:
    """The last word of the first action's ``digitalSourceType``."""
    for assertion in manifest.get("assertions", ()):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions", ()):
                if kind := action.get("digitalSourceType"):
                    return str(kind).rpartition("/")[2]
    return ""


def _faults(told: Mapping[str, Any]) -> list[str]:
    faults = [
        f"{one.get('code')}: {one.get('explanation')}"
        for one in told.get("validation_status", ())
        if one.get("code") != "signingCredential.untrusted"
    ]
    return list(dict.fromkeys(faults)) or ["the signature is wrong"]
