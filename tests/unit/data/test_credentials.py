"""Content credentials of files that are signed here, with a chain of certificates made here."""

from __future__ import annotations

import datetime
import io
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from mfclip.data.credentials import Credentials, CredentialsReader
from mfclip.errors import UsageError

PEM = serialization.Encoding.PEM
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"

CLAIM = {
    "claim_generator_info": [{"name": "Example Camera", "version": "1"}],
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE}]},
        }
    ],
}


class Files(NamedTuple):
    signed: Path
    plain: Path
    changed: Path
    anchor: Path
    other_anchor: Path
    signer: c2pa.Signer


def named(name: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "Example News"), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(*part) for part in parts])


def certificate(name: str, key, issuer: str, signed_by, *, root: bool) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False
    )  # fmt: skip
    usage |= {"digital_signature": not root, "key_cert_sign": root, "crl_sign": root}
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(by, critical=False)
    )
    if not root:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(use, critical=False)
    return made.sign(signed_by, hashes.SHA256()).public_bytes(PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("signed")
    root, camera = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    anchor = certificate("Root", root, "Root", root, root=True)
    chain = certificate("Camera", camera, "Root", root, root=False) + anchor
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key = camera.private_bytes(PEM, pkcs8, plain)
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
    photo, signed = io.BytesIO(), io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo, "JPEG")
    photo.seek(0)
    c2pa.Builder(CLAIM).sign(signer, "image/jpeg", photo, signed)
    changed = bytearray(signed.getvalue())
    changed[-40] ^= 0xFF
    other = certificate("Other", camera, "Other", camera, root=True)
    paths = [folder / name for name in ("s.jpg", "p.jpg", "c.jpg", "a.pem", "o.pem")]
    contents = (signed.getvalue(), photo.getvalue(), bytes(changed), anchor, other)
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return Files(*paths, signer)


def test_a_signed_file_is_valid_and_says_who_and_what(files):
    found = CredentialsReader()(files.signed)
    assert (found.state, found.signer) == ("valid", "Example News, Camera")
    assert (found.tool, found.source, found.reason) == ("Example Camera 1", "digitalCapture", "")


def test_only_a_signer_whose_root_is_given_is_trusted(files):
    assert CredentialsReader(files.anchor)(files.signed).state == "trusted"
    assert CredentialsReader(files.other_anchor)(files.signed).state == "valid"


def test_a_file_that_was_changed_is_invalid(files):
    found = CredentialsReader(files.anchor)(files.changed)
    assert found.state == "invalid"
    assert found.reason.startswith("assertion.dataHash.mismatch")


def test_a_file_without_them_and_what_is_no_image(files, tmp_path):
    read = CredentialsReader()
    assert read(files.plain) == Credentials("none")
    (tmp_path / "notes.jpg").write_text("no image")
    assert read(tmp_path / "notes.jpg").state == "unreadable"
    assert read(tmp_path / "absent.jpg").state == "unreadable"


def test_nothing_is_fetched(files, tmp_path):
    """A file may say that its credentials lie elsewhere; nobody is asked for them."""
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        claim = c2pa.Builder(CLAIM)
        claim.set_no_embed()
        claim.set_remote_url(f"http://127.0.0.1:{server.server_port}/claim.c2pa")
        remote = io.BytesIO()
        with files.plain.open("rb") as photo:
            claim.sign(files.signer, "image/jpeg", photo, remote)
        (tmp_path / "r.jpg").write_bytes(remote.getvalue())
        assert b"/claim.c2pa" in remote.getvalue()
        found = CredentialsReader()(tmp_path / "r.jpg")
        server.shutdown()
    assert asked == []
    assert found.state == "unreadable"


@pytest.mark.parametrize("content", [b"", b"-----BEGIN NOTHING-----", b"\xff\xfe"])
def test_anchors_that_are_none(tmp_path, content):
    (tmp_path / "a.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.pem"):
        CredentialsReader(tmp_path / "a.pem")


def test_scores_have_them_beside_and_are_what_they_were(files, tmp_path):
    """Through the command, in this process."""
    import csv

    from typer.testing import CliRunner

    from mfclip.cli.app import command_tree

    bundle = Path(__file__).parents[2] / "contract/golden/bundle"
    rows = {}
    for name, more in (
        ("with", ["--credentials", "--trust-anchors", files.anchor]),
        ("without", []),
    ):
        out = tmp_path / f"{name}.csv"
        words = ["score", bundle, files.signed, files.plain, files.changed, "--out", out, *more]
        words += ["--device", "cpu", "--workers", "0"]
        done = CliRunner().invoke(command_tree(), [str(word) for word in words])
        assert done.exit_code == 0, done.output
        rows[name] = list(csv.DictReader(out.open()))
    told = [row["credentials"].partition(":")[0] for row in rows["with"]]
    assert told == ["trusted", "none", "invalid"]
    assert rows["with"][0]["credentials_signer"] == "Example News, Camera"
    assert rows["with"][0]["credentials_source"] == "digitalCapture"
    for row in rows["with"]:
        for column in ("credentials", "credentials_signer", "credentials_source"):
            del row[column]
    assert rows["with"] == rows["without"]
