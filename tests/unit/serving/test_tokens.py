"""Who is let in, and where nobody need be asked."""

from __future__ import annotations

import pytest

from mfclip.errors import UsageError
from mfclip.serving.tokens import is_local, read_tokens, require_tokens

GOOD = "a-token-of-some-length"


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        (tmp_path / "tokens").write_text(text, encoding="utf-8")
        return tmp_path / "tokens"

    return write


def test_tokens_are_lines(file):
    tokens = read_tokens(file(f"# ours\n\n{GOOD}\n  {GOOD}-2  \n"))
    assert GOOD in tokens
    assert f"{GOOD}-2" in tokens
    for other in ("", "#", "# ours", GOOD[:-1], f"{GOOD} ", GOOD.upper(), "\ud800"):
        assert other not in tokens
    assert GOOD not in repr(tokens)
    assert GOOD not in str(vars(type(tokens)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no token"),
        ("# none\n", "holds no token"),
        ("short\n", ":1: a token of 5 letters"),
        (f"{GOOD}\nwith a space in it\n", ":2: a token is printable ASCII"),
        (f"{GOOD}é\n", ":1: a token is printable ASCII"),
    ],
)
def test_tokens_that_are_none(file, text, words):
    with pytest.raises(UsageError, match=words) as refused:
        read_tokens(file(text))
    assert "secrets.token_urlsafe" in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_tokens(tmp_path / "none")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_local_address_needs_none(host):
    assert is_local(host)
    require_tokens(host, None, without=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "localhost.example.org", ""])
def test_another_address_needs_some(host, file):
    assert not is_local(host)
    with pytest.raises(UsageError, match="--token-file FILE"):
        require_tokens(host, None, without=False)
    require_tokens(host, None, without=True)
    require_tokens(host, read_tokens(file(GOOD)), without=False)
