"""``mfclip serve`` as users run it: real sockets, real signals."""

from __future__ import annotations

import csv
import signal
import socket
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from .served import BUNDLE, SECONDS, served

TOKEN = "a-token-of-some-length"
HEAD = b'--q\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
TAIL = b"\r\n--q--\r\n"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    file = tmp_path_factory.mktemp("photos") / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (600, 700, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def started(port: int, body: bytes, length: int) -> socket.socket:
    """A connection on which a request of so many bytes has begun."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.sendall(
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=q\r\n"
        b"Content-Length: %d\r\n\r\n" % length + body
    )
    return connection


def until(connection: socket.socket, end: bytes) -> bytes:
    """What arrives, to the end that is told."""
    received = b""
    while end not in received:
        chunk = connection.recv(65536)
        assert chunk, received
        received += chunk
    return received


def answer_of(connection: socket.socket) -> str:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received.decode()


def test_scores_are_those_of_the_command(command, tmp_path, photo):
    done = command("mfclip", "score", BUNDLE, photo, "--device", "cpu", "--format", "csv")
    (row,) = csv.DictReader(done.stdout.splitlines())
    with served(tmp_path) as service:
        with photo.open("rb") as stream:
            answer = httpx.post(f"{service.url}/v1/score", files={"files": stream}).json()
        assert not list((tmp_path / "tmp").iterdir()), "nothing is left where uploads could be"
    (image,) = answer["images"]
    assert image["p_fake"] == pytest.approx(float(row["p_fake"]), abs=2e-6)
    assert image["verdict"] == row["verdict"]


def test_sigterm_waits_for_an_upload_and_answers_it(tmp_path, photo):
    content = HEAD + photo.read_bytes() + TAIL
    with served(tmp_path) as service:
        half = len(content) // 2
        connection = started(service.port, content[:half], len(content))
        time.sleep(0.5)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(service.port))
        assert service.process.poll() is None, "it waits for the upload"
        connection.sendall(content[half:])
        answer = answer_of(connection)
        assert service.process.wait(SECONDS) == 0
        assert answer.startswith("HTTP/1.1 200")
        assert '"status":"ok"' in answer
        assert service.lines()[-1]["message"] == "ended"


def test_the_time_to_drain_is_kept_to(tmp_path):
    with served(tmp_path, "--drain", 1) as service:
        connection = started(service.port, HEAD, 10_000)
        time.sleep(0.5)
        service.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        service.process.wait(SECONDS)
        assert time.monotonic() - begun < 30
        connection.close()


def test_a_connection_without_headers_is_closed(tmp_path):
    with served(tmp_path) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as silent:
            silent.sendall(b"POST /v1/score HTTP/1.1\r\nHost: loc")
            assert silent.recv(100) == b""
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as kept:
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in until(kept, b'{"status":"ok"}')
            time.sleep(12)  # an idle connection is kept for longer than headers may take
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in until(kept, b'{"status":"ok"}')
            kept.sendall(b"GET /healthz HTT")
            assert kept.recv(100) == b""
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_what_is_no_http_harms_nothing(tmp_path):
    with served(tmp_path) as service:
        for nonsense in (
            b"\x16\x03\x01\x02\x00\x01" * 50,
            b"GET / HTTP/9.9\r\n\r\n",
            b"\0" * 70_000,
        ):
            with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as one:
                one.sendall(nonsense)
        connection = started(service.port, HEAD, 10_000)
        connection.close()  # in the middle of an upload
        wait_until(lambda: in_hand(service.url) == 0)


def in_hand(url: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    (line,) = [one for one in text.splitlines() if one.startswith("mfclip_requests_in_hand ")]
    return float(line.split()[1])


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def wait_until(true) -> None:
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_address_that_others_reach_needs_a_token(command, tmp_path):
    done = command("mfclip", "serve", BUNDLE, "--host", "0.0.0.0", "--port", 0, code=2)
    assert "--token-file FILE" in done.stderr
    (tmp_path / "tokens").write_text(f"{TOKEN}\n")
    with served(tmp_path, "--host", "0.0.0.0", "--token-file", tmp_path / "tokens") as service:
        assert httpx.get(f"{service.url}/v1/models").status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{service.url}/v1/models", headers=headers).status_code == 200


def test_a_port_that_is_taken(command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command("mfclip", "serve", BUNDLE, "--port", port, code=2)
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
