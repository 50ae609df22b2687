"""Bearer tokens: who may ask."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from mfclip.errors import UsageError

SHORTEST = 16
"""Letters of the shortest token."""
_MAKE = 'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """Those that are let in; only their hashes are kept."""

    digests: tuple[bytes, ...]

    def __contains__(self, token: str) -> bool:
        """Whether it is one of them, in a time that does not depend on how near it is to one."""
        digest = _digest(token)
        found = False
        for known in self.digests:  # all of them, whichever it is
            found |= hmac.compare_digest(digest, known)
        return found


def read_tokens(file: Path) -> Tokens:
    """One token a line; empty lines and those that begin with # are passed over.

    Raises
    ------
    UsageError
        Where the file cannot be read, holds none, or one that is short or not of printable ASCII.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{file} cannot be read as a file of tokens: {reason}") from error
    stripped = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    tokens = [(number, line) for number, line in stripped if line and not line.startswith("#")]
    if not tokens:
        raise UsageError(f"{file} holds no token; write one a line, {_MAKE}")
    for number, token in tokens:
        if len(token) < SHORTEST:
            raise UsageError(
                f"{file}:{number}: a token of {len(token)} letters can be guessed; "
                f"at least {SHORTEST}, {_MAKE}"
            )
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise UsageError(f"{file}:{number}: a token is printable ASCII without spaces; {_MAKE}")
    return Tokens(tuple(_digest(token) for _, token in tokens))


def is_local(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_tokens(host: str, tokens: Tokens | None, *, without: bool) -> None:
    """Raise :class:`UsageError` for an address that others reach and nobody guards."""
    if tokens is None and not without and not is_local(host):
        raise UsageError(
            f"--host {host} can be reached from other machines: give --token-file FILE, so that "
            "only those who know a token are answered, or --without-tokens where something in "
            "front of the service asks who comes"
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
