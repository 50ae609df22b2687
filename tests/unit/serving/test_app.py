"""The service through its application: scores, statuses, refusals, limits, headers, counts."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import io
import json
import logging
import re
import struct
import sys
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import mfclip
from mfclip.data.images import MAX_PIXELS
from mfclip.errors import UsageError
from mfclip.faces.finder import FaceFinder
from mfclip.serving.answers import apart
from mfclip.serving.app import create_app
from mfclip.serving.limits import Limits
from mfclip.serving.logs import JsonLines
from mfclip.serving.tokens import read_tokens
from mfclip.testing.toys import red_regions

BUNDLE = Path(__file__).parents[2] / "contract/golden/bundle"
TOKEN = "a-token-of-some-length"


def picture(seed: int, size: tuple[int, int] = (40, 36)) -> bytes:
    """A PNG file of random pixels; width and height."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def files(tmp_path, photos):
    """Seven photos, and what has a status in place of a verdict."""
    broken = {
        "empty": b"",
        "text": b"hello, this is no image",
        "cut": photos[1][: len(photos[1]) // 2],
        "header": photos[0][:20],
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "pdf": b"%PDF-1.7 ...",
        "small": picture(1, (8, 40)),
        "bomb": huge_png(),
    }
    contents = dict(enumerate(photos)) | broken
    for name, content in contents.items():
        (tmp_path / f"{name}.bin").write_bytes(content)
    return sorted(tmp_path.glob("*.bin"))


def huge_png() -> bytes:
    """A header that promises 100000 x 100000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def sent(*paths):
    return [("files", (path.name, path.read_bytes())) for path in paths]


def test_answers_are_those_of_scoring_files(serving, files):
    """Also for files that are no images: the same statuses and reasons."""
    expected = mfclip.load(BUNDLE, device="cpu", precision="fp32").score(files)
    with serving() as client:
        answer = client.post("/v1/score", files=sent(*files)).json()
    assert len(answer["images"]) == len(files) == 15
    for image, score, file in zip(answer["images"], expected, files, strict=True):
        assert image["name"] == file.name
        assert image["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (image["status"], image["reason"]) == (str(score.status), score.reason)
        assert image["verdict"] == score.verdict
        assert image["p_fake"] == pytest.approx(score.p_fake, abs=1e-6)
    found = {image["name"]: image["status"] for image in answer["images"]}
    assert len({image["p_fake"] for image in answer["images"]}) == 8, "seven photos and None"
    assert {"empty", "not-an-image", "truncated", "too-small", "too-large"} <= set(found.values())


def test_the_size_is_that_of_the_picture_upright(serving, form_of):
    with serving() as client:
        (image,) = client.post("/v1/score", files=form_of(picture(0, (40, 36)))).json()["images"]
    assert (image["width"], image["height"]) == (40, 36)


def test_each_of_many_clients_gets_its_own_answer(serving, models):
    pictures = [picture(number) for number in range(40)]
    loaded = next(iter(models.values())).loaded
    with serving() as client:

        def ask(number: int) -> None:
            form = {"files": ("x.png", pictures[number])}
            answers[number] = client.post("/v1/score", files=form).json()

        answers: dict[int, dict] = {}
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    expected = loaded.score([Image.open(io.BytesIO(one)) for one in pictures])
    for number, score in enumerate(expected):
        assert answers[number]["images"][0]["p_fake"] == pytest.approx(score.p_fake, abs=1e-6)


def test_a_threshold_may_be_asked_for(serving, form_of, photos):
    with serving() as client:
        found = {
            wanted: client.post(f"/v1/score?threshold={wanted}", files=form_of(photos[0])).json()
            for wanted in ("0", "1", "0.25", "nonsense")
        }
    assert found["0"]["images"][0]["verdict"] == "fake"
    assert found["1"]["images"][0]["verdict"] == "real"
    assert found["0.25"]["point"]["threshold"] == 0.25
    assert found["nonsense"]["error"] == "unusable"
    assert "allowed: " in found["nonsense"]["message"]


def test_faces_have_boxes_and_the_worst_calls_the_picture(serving, models, form_of):
    pixels = np.random.default_rng(3).integers(0, 100, (80, 120, 3), dtype=np.uint8)
    pixels[10:50, 20:60] = (255, 0, 0)
    pixels[15:45, 25:55:3] = (200, 60, 60)
    pixels[5:35, 80:110] = (255, 30, 30)
    pixels[10:30, 85:105:3] = (200, 0, 0)
    buffer, dull = io.BytesIO(), io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    Image.fromarray(pixels[55:] // 2).save(dull, "PNG")
    (name, model), *_ = models.items()
    loaded = replace(model.loaded, predictor=with_finder(model.loaded.predictor))
    served = {name: replace(model, loaded=loaded)}
    expected = loaded.score(Image.open(buffer))[0]
    with serving(served=served) as client:
        answer = client.post("/v1/score", files=form_of(buffer.getvalue(), dull.getvalue())).json()
        explained = client.post("/v1/explain?face=2", files=form_of(buffer.getvalue()))
        third = client.post("/v1/explain?face=3", files=form_of(buffer.getvalue()))
        none = client.post("/v1/explain", files=form_of(dull.getvalue()))
    found, faceless = answer["images"]
    assert [face["box"] for face in found["faces"]] == [[20, 10, 60, 50], [80, 5, 110, 35]]
    p_fake = [face["p_fake"] for face in found["faces"]]
    assert p_fake == pytest.approx([face.p_fake for face in expected.faces], abs=1e-6)
    assert found["p_fake"] == max(p_fake)
    assert (faceless["status"], faceless["faces"], faceless["verdict"]) == ("no-face", [], None)
    assert explained.json()["face"] == 2
    assert "the picture has 2" in third.json()["message"]
    assert "no-face" in none.json()["message"]


def with_finder(predictor):
    """The same with a locator."""
    twin = copy.copy(predictor)
    twin.preprocessor = copy.copy(predictor.preprocessor)
    twin.preprocessor.finder = FaceFinder(red_regions, smallest=16)
    return twin


def test_what_a_detector_looks_at(serving, form_of, photos):
    with serving() as client:
        answer = client.post("/v1/explain", files=form_of(photos[0])).json()
        two = client.post("/v1/explain", files=form_of(*photos[:2]))
    kind, _, data = answer["heat_map"].partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (answer["size"],) * 2
    assert answer["most_for_fake"] >= 0 >= answer["most_for_real"]
    assert two.status_code == 422


def test_a_detector_without_heat_maps_says_so(serving, models, form_of, photos):
    served = {name: replace(model, explainer=None) for name, model in models.items()}
    with serving(served=served) as client:
        answer = client.post("/v1/explain", files=form_of(photos[0]))
        assert not client.get("/v1/models").json()["models"][0]["explains"]
    assert answer.status_code == 404
    assert "pip install 'mfclip[explain]'" in answer.json()["message"]


def test_models_are_told(serving):
    with serving() as client:
        (model,) = client.get("/v1/models").json()["models"]
        unknown = client.post("/v1/score?model=bundel", files={"files": b"x"})
    assert (model["name"], model["default"], model["size"]) == ("bundle", True, 32)
    assert model["points"][0]["threshold"] == mfclip.load(BUNDLE).threshold
    assert unknown.status_code == 404
    assert "did you mean 'bundle'" in unknown.json()["message"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
    ],
)
def test_tokens_are_asked_for(serving, tmp_path, form_of, photos, header, status):
    (tmp_path / "tokens").write_text(TOKEN)
    headers = {"Authorization": header} if header else {}
    with serving(tokens=read_tokens(tmp_path / "tokens"), host="0.0.0.0") as client:
        for method, path in (("GET", "/v1/models"), ("GET", "/metrics"), ("POST", "/v1/score"),
                             ("POST", "/v1/explain")):  # fmt: skip
            files = form_of(photos[0]) if method == "POST" else None
            answer = client.request(method, path, headers=headers, files=files)
            assert answer.status_code == status, path
            if status == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["error"] == "no-token"
        for path in ("/", "/healthz", "/readyz", "/static/page.js", "/openapi.json"):
            assert client.get(path).status_code == 200, path


def test_a_local_service_goes_by_its_own_names_only(serving):
    with serving() as client:
        for name, status in [
            *[("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200)],
            *[("evil.example.org", 421), ("localhost.evil.org", 421), ("", 421)],
        ]:
            assert client.get("/v1/models", headers={"Host": name}).status_code == status, name


LIMITED = [
    ({"max_bytes": 1000}, [b"x" * 2000], 413, "limit of 1000 bytes"),
    ({"max_files": 2}, [b"x"] * 3, 422, "more than 2 files"),
]


@pytest.mark.parametrize(("limits", "contents", "status", "words"), LIMITED)
def test_limits_of_a_request(serving, form_of, limits, contents, status, words):
    with serving(**limits) as client:
        answer = client.post("/v1/score", files=form_of(*contents))
    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert answer.headers.get("connection") == ("close" if status == 413 else None)


def test_the_limit_of_pixels(serving, form_of):
    exactly, over = picture(0, (40, 25)), picture(0, (40, 26))
    with serving(max_pixels=1000) as client:
        first, second = client.post("/v1/score", files=form_of(exactly, over)).json()["images"]
    assert first["status"] == "ok"
    assert second["status"] == "too-large"
    assert "limit of 1000 pixels" in second["reason"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"queue": 0}, "queue"), ({"max_pixels": MAX_PIXELS + 1}, "max_pixels"),
     ({"timeout": 0.0}, "timeout"), ({"linger": 2.0}, "linger")],
)  # fmt: skip
def test_limits_that_are_none(limits, words):
    with pytest.raises(UsageError, match=words):
        Limits(**limits)


async def ask(app, chunks, *, headers=None, path="/v1/score"):
    """A request whose body arrives as the chunks do."""
    transport = httpx.ASGITransport(app)
    given = {"content-type": "multipart/form-data; boundary=q", **(headers or {})}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post(path, content=chunks, headers=given)


PART = b'--q\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


def test_a_full_queue_turns_away_and_is_free_again(models):
    app = create_app(models, Limits(queue=1))

    async def run():
        async with app.router.lifespan_context(app):
            go_on = asyncio.Event()

            async def slowly():
                yield PART + picture(0)
                await go_on.wait()
                yield b"\r\n--q--\r\n"

            async def at_once():
                yield PART + picture(0) + b"\r\n--q--\r\n"

            first = asyncio.create_task(ask(app, slowly()))
            await asyncio.sleep(0.1)
            turned_away = await ask(app, at_once())
            go_on.set()
            answered = await first
            return turned_away, answered, await ask(app, at_once())

    turned_away, answered, after = asyncio.run(run())
    assert (turned_away.status_code, turned_away.headers["retry-after"]) == (429, "1")
    assert turned_away.json()["error"] == "busy"
    assert (answered.status_code, after.status_code) == (200, 200)


def test_a_slow_upload_is_given_up(models):
    app = create_app(models, Limits(timeout=0.3, queue=1))

    async def run():
        async with app.router.lifespan_context(app):

            async def for_ever():
                while True:
                    yield b" "
                    await asyncio.sleep(0.05)

            async def body():
                yield PART
                async for one in for_ever():
                    yield one

            answer = await ask(app, body())
            return answer, app.state.service._in_hand

    answer, in_hand = asyncio.run(run())
    assert answer.status_code == 408
    assert "within 0.3 s" in answer.json()["message"]
    assert in_hand == 0


def test_scoring_that_takes_too_long_is_given_up(models):
    app = create_app(models, Limits(timeout=0.3))
    go_on = threading.Event()

    async def run():
        async with app.router.lifespan_context(app):
            app.state.service._worker.run(lambda: go_on.wait(20))

            async def body():
                yield PART + picture(0) + b"\r\n--q--\r\n"

            late = await ask(app, body())
            go_on.set()
            return late, await ask(app, body())

    late, after = asyncio.run(run())
    assert (late.status_code, late.json()["error"]) == (503, "not-ready")
    assert after.status_code == 200


def test_nothing_is_written_to_disk(serving, form_of):
    """Every file that is opened meanwhile is opened for reading."""
    buffer = io.BytesIO()  # 3 MB: more than form parsers hold in memory
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    written: list[object] = []
    watching = True

    def hook(event: str, arguments: tuple) -> None:
        if watching and event == "open":
            path, mode, flags = arguments
            if (mode and set(str(mode)) & set("wax+")) or (isinstance(flags, int) and flags & 3):
                written.append(path)
        if watching and event in ("tempfile.mkstemp", "tempfile.mkdtemp", "os.mkdir", "os.rename"):
            written.append((event, *arguments))

    with serving() as client:
        client.post("/v1/score", files=form_of(picture(0)))  # whatever is imported is now
        sys.addaudithook(hook)
        answer = client.post("/v1/score", files=form_of(buffer.getvalue()))
        refused = client.post("/v1/score", files={"image": buffer.getvalue()})
        watching = False
    assert answer.json()["images"][0]["status"] == "ok"
    assert refused.status_code == 422
    assert written == []


def test_a_failure_is_logged_and_not_told(models, caplog, photos):
    app = create_app(models, Limits())

    async def run():
        async with app.router.lifespan_context(app):

            async def broken(*arguments):
                raise RuntimeError("secret of the machine")

            app.state.service.score = broken

            async def body():
                yield PART + photos[0] + b"\r\n--q--\r\n"

            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            given = {"content-type": "multipart/form-data; boundary=q"}
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
                return await one.post("/v1/score", content=body(), headers=given)

    with caplog.at_level(logging.INFO, "mfclip.serving"):
        answer = asyncio.run(run())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert any("secret of the machine" in JsonLines().format(one) for one in caplog.records)


def test_lines_of_the_log_hold_nothing_of_an_image(serving, caplog, photos):
    with caplog.at_level(logging.INFO, "mfclip.serving"), serving() as client:
        client.post(
            "/v1/score?model=bundle",
            files=[("files", ("jane-doe.png", photos[0]))],
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    (line,) = [line for line in lines if line.get("route") == "/v1/score"]
    assert (line["status"], line["files"], line["method"]) == (200, 1, "POST")
    assert line["bytes"] == len(photos[0])
    assert [word for word in ("jane", TOKEN) if word in json.dumps(lines)] == []


def test_metrics_count(serving, form_of, photos):
    with serving() as client:
        client.post("/v1/score", files=form_of(*photos, b""))
        client.get("/nowhere/at/all")
        text = client.get("/metrics").text
    values = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("mfclip")
    }
    assert values['mfclip_requests_total{route="/v1/score",status="200"}'] == 1
    assert values['mfclip_requests_total{route="none",status="404"}'] == 1
    assert values["mfclip_batch_images_sum"] == 7
    assert values['mfclip_images_total{model="bundle",outcome="empty"}'] == 1
    assert values["mfclip_requests_in_hand"] == 0


def test_readiness_ends_before_the_service_does(serving):
    with serving() as client:
        assert client.get("/readyz").status_code == 200
        client.app.state.service.draining = True
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_every_answer_has_its_headers(serving):
    with serving() as client:
        for path in ("/", "/static/page.css", "/v1/models", "/nowhere", "/openapi.json"):
            headers = client.get(path).headers
            policy = dict(rule.strip().partition(" ")[::2]
                          for rule in headers["content-security-policy"].split(";"))  # fmt: skip
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == "'self'"
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert len(headers["x-request-id"]) == 16


def test_the_page_keeps_to_its_policy(serving):
    """No script, style or handler inside the page; every file it names is there."""
    with serving() as client:
        page = client.get("/").text
        assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:", page)
        assert not re.search(r"<script(?! type=\"module\" src=)", page)
        assert not re.search(r"https?://|src=\"//", page)
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(named) >= 4
        imported = [
            f"static/{found}"
            for name in named
            if name.endswith(".js")
            for found in re.findall(r'from "\./([^"]+)"', client.get(f"/{name}").text)
        ]
        assert len(imported) >= 3
        for name in named + imported:
            assert client.get(f"/{name}").status_code == 200, name
        for name in ("../run.py", "run.py", "page.html.j2", "%2e%2e/app.py"):
            assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("pair", "texts"),
    [
        ((0.93, 0.5), ("0.930", "0.500")),
        ((0.49771, 0.497846), ("0.4977", "0.4978")),
        ((0.5, 0.5), ("0.500", "0.500")),
    ],
)
def test_numbers_are_told_apart(pair, texts):
    assert apart(*pair) == texts
