"""Films through the service: jobs, their answers, their limits, and what is left of them."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from mfclip.faces.finder import FaceFinder
from mfclip.inference import watching
from mfclip.serving.app import create_app
from mfclip.serving.limits import Limits
from mfclip.testing.toys import red_regions

SECONDS = 60


@pytest.fixture
def film(make_film) -> Path:
    """Twenty different frames in a second."""
    generator = np.random.default_rng(0)
    return make_film("film.mp4", generator.integers(0, 256, (20, 48, 64, 3), dtype=np.uint8))


def send(client, film: Path, query: str = "") -> httpx.Response:
    return client.post(f"/v1/video{query}", files=[("files", (film.name, film.read_bytes()))])


def answered(client, film: Path, query: str = "") -> dict:
    """The job at its end."""
    begun = send(client, film, query)
    assert begun.status_code == 202, begun.text
    return ended(client, begun.headers["location"])


def ended(client, place: str) -> dict:
    until = time.monotonic() + SECONDS
    while (job := client.get(place).json())["state"] not in ("done", "failed"):
        assert time.monotonic() < until
        time.sleep(0.02)
    return job


def left(client) -> list[Path]:
    """Files that the service holds."""
    return list(client.app.state.service.films.folder.iterdir())


def test_an_answer_is_that_of_scoring_the_film(serving, models, film):
    expected = next(iter(models.values())).loaded.score_film(film, frames=7)
    with serving() as client:
        job = answered(client, film, "?frames=7")
        assert left(client) == []
    found = job["answer"]["film"]
    assert (job["state"], job["progress"], job["message"]) == ("done", 1.0, "")
    assert found["p_fake"] == pytest.approx(expected.p_fake, abs=1e-6)
    assert (found["verdict"], found["status"], found["frames"]) == (expected.verdict, "ok", 7)
    assert found["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    assert (found["faces"], found["reason"]) == (None, expected.reason)
    times = [moment["seconds"] for moment in found["timeline"]]
    assert len(times) == 7
    assert times == sorted(times)
    assert "threshold" in found["meaning"]


def test_faces_are_followed(serving, models, make_film):
    frames = np.zeros((12, 64, 96, 3), dtype=np.uint8)
    frames[:, 10:50, 20:60] = (255, 0, 0)
    frames[:, 20:40, 30:50] = (200, 10, 10)
    film = make_film("film.mp4", frames)
    (name, model), *_ = models.items()
    predictor = copy.copy(model.loaded.predictor)
    predictor.preprocessor = copy.copy(predictor.preprocessor)
    predictor.preprocessor.finder = FaceFinder(red_regions, smallest=16)
    loaded = replace(model.loaded, predictor=predictor)
    expected = loaded.score_film(film)
    with serving(served={name: replace(model, loaded=loaded)}) as client:
        found = answered(client, film)["answer"]["film"]
    (face,) = found["faces"]
    assert face["p_fake"] == pytest.approx(expected.faces[0].p_fake, abs=1e-6)
    assert face["frames"] == 12
    assert {moment["face"] for moment in found["timeline"]} == {1}


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("notes.mp4", b"no film at all", "not-a-film"), ("cut.mp4", None, "truncated")],
)
def test_what_is_no_film_has_a_status(serving, tmp_path, film, name, content, status):
    other = tmp_path / name
    other.write_bytes(film.read_bytes()[:900] if content is None else content)
    with serving() as client:
        job = answered(client, other)
        assert left(client) == []
    assert job["state"] == "done"
    assert job["answer"]["film"]["status"] == status
    assert job["answer"]["film"]["verdict"] is None
    assert job["answer"]["film"]["meaning"].startswith("No verdict: ")


REFUSED = [
    ("?frames=7&rate=2", {}, 422, "exclude each other"),
    ("?frames=9", {"max_frames": 8}, 422, "over the limit of 8"),
    ("?threshold=nonsense", {}, 422, "allowed: "),
    ("?model=bundel", {}, 404, "did you mean 'bundle'"),
    ("", {"max_film_bytes": 500}, 413, "limit of 500 bytes"),
]


@pytest.mark.parametrize(("query", "limits", "status", "words"), REFUSED)
def test_refusals(serving, film, query, limits, status, words):
    with serving(**limits) as client:
        answer = send(client, film, query)
        assert left(client) == []
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_one_film_a_request(serving, film):
    with serving() as client:
        content = film.read_bytes()
        answer = client.post("/v1/video", files=[("files", ("a", content)), ("files", ("b", b""))])
        assert left(client) == []
    assert (answer.status_code, answer.json()["error"]) == (422, "unusable")


def test_a_rate_that_asks_for_too_many_frames(serving, film):
    with serving(max_frames=8) as client:
        job = answered(client, film, "?rate=20")
        assert left(client) == []
    assert job["state"] == "failed"
    assert "over the limit of 8" in job["message"]


def test_a_film_that_takes_too_long(serving, film):
    with serving(film_timeout=1e-9 + 1) as client:
        client.app.state.service.films._limits = Limits(film_timeout=1e-9)
        job = answered(client, film)
        assert left(client) == []
    assert (job["state"], job["answer"]) == ("failed", None)
    assert "not scored within" in job["message"]


@pytest.fixture
def held(models):
    """Models whose detector waits for an event before each pass."""
    (name, model), *_ = models.items()
    go_on, begun = threading.Event(), threading.Event()

    def slowly(images, *, keep=False):
        begun.set()
        assert go_on.wait(SECONDS)
        return model.loaded.predictor(images, keep=keep)

    slowly.preprocessor = model.loaded.predictor.preprocessor
    slowly.device = model.loaded.predictor.device
    loaded = replace(model.loaded, predictor=slowly)
    return {name: replace(model, loaded=loaded)}, go_on, begun


def test_films_wait_for_each_other_and_no_more_than_so_many(serving, held, film):
    served, go_on, begun = held
    with serving(served=served, films=2) as client:
        first, second, third = (send(client, film) for _ in range(3))
        assert begun.wait(SECONDS)
        states = [client.get(one.headers["location"]).json()["state"] for one in (first, second)]
        assert states == ["scoring", "waiting"]
        assert (third.status_code, third.headers["retry-after"]) == (429, "1")
        assert len(left(client)) == 2
        go_on.set()
        for one in (first, second):
            assert ended(client, one.headers["location"])["state"] == "done"
        assert send(client, film).status_code == 202, "there is room again"


def test_a_film_is_given_up(serving, held, film):
    served, go_on, begun = held
    with serving(served=served, films=2) as client:
        first, second = send(client, film), send(client, film)
        assert begun.wait(SECONDS)
        for one in (first, second):
            assert client.delete(one.headers["location"]).status_code == 204
            assert client.get(one.headers["location"]).status_code == 404
        assert send(client, film).status_code == 429, "their files are there until they end"
        go_on.set()
        until = time.monotonic() + SECONDS
        while left(client):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert "mfclip_films_total{" not in client.get("/metrics").text, "none was answered"


def test_the_end_of_the_service_gives_films_up(serving, held, film):
    served, go_on, begun = held
    with serving(served=served) as client:
        folder = client.app.state.service.films.folder
        for _ in range(3):
            send(client, film)
        assert begun.wait(SECONDS)
        threading.Timer(0.2, go_on.set).start()
    assert not folder.exists()


def test_images_are_answered_while_a_film_is_scored(serving, models, film, photos, form_of):
    """Its passes stand in one queue with the images', so none waits for the whole film."""
    (name, model), *_ = models.items()
    passes: list[int] = []

    def counted(images, *, keep=False):
        passes.append(len(images))
        time.sleep(0.2)  # a film of two seconds, so that a slow machine has time to ask
        return model.loaded.predictor(images, keep=keep)

    counted.preprocessor = model.loaded.predictor.preprocessor
    counted.device = model.loaded.predictor.device
    served = {name: replace(model, loaded=replace(model.loaded, predictor=counted))}
    with serving(served=served, batch_size=2) as client:
        place = send(client, film, "?frames=20").headers["location"]
        image = client.post("/v1/score", files=form_of(photos[0])).json()["images"][0]
        state = client.get(place).json()["state"]
        assert ended(client, place)["state"] == "done"
    assert image["status"] == "ok"
    assert state in ("waiting", "scoring")
    assert sorted(passes) == [1, *[2] * 10]


def test_answers_are_kept_for_a_while(serving, film):
    with serving(keep=0.3) as client:
        place = send(client, film).headers["location"]
        films = client.app.state.service.films
        until = time.monotonic() + SECONDS
        while any(job.ended is None for job in films._jobs.values()):
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.4)
        answer = client.get(place)
    assert answer.status_code == 404
    assert "kept for 0.3 s" in answer.json()["message"]


def test_a_client_that_leaves_leaves_nothing(models, film):
    app = create_app(models, Limits())
    head = b'--q\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'

    async def run() -> tuple[int, list[Path]]:
        async with app.router.lifespan_context(app):

            async def half():
                yield head + film.read_bytes()[:500]

            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                headers = {"content-type": "multipart/form-data; boundary=q"}
                answer = await client.post("/v1/video", content=half(), headers=headers)
            return answer.status_code, list(app.state.service.films.folder.iterdir())

    assert asyncio.run(run()) == (400, [])


def test_without_pyav(serving, film, monkeypatch):
    monkeypatch.setattr("mfclip.serving.film_routes.find_spec", lambda name: None)
    with serving() as client:
        answer = send(client, film)
    assert answer.status_code == 404
    assert "pip install 'mfclip[video]'" in answer.json()["message"]


def test_a_film_of_which_no_frame_is_scored_yet_is_told_and_can_be_given_up(
    serving, film, monkeypatch
):
    """Looked at after every frame that is decoded: the first pass may be hours into a film."""
    decoded, go_on = threading.Event(), threading.Event()
    real = watching.each_frame

    def slowly(path, damage):
        for number, frame in enumerate(real(path, damage)):
            if number == 10:
                decoded.set()
                assert go_on.wait(SECONDS)
            yield frame

    monkeypatch.setattr(watching, "each_frame", slowly)
    with serving(batch_size=1000) as client:
        place = send(client, film, "?frames=20").headers["location"]
        assert decoded.wait(SECONDS)
        job = client.get(place).json()
        assert (job["state"], job["answer"]) == ("scoring", None)
        assert job["progress"] == pytest.approx(0.45, abs=0.06)
        running = client.app.state.service.films.find(place.rpartition("/")[2])
        assert client.delete(place).status_code == 204
        go_on.set()
        until = time.monotonic() + SECONDS
        while running.ended is None:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert (running.state, running.trouble, running.timeline) == (
        *("failed", "the job was given up"),
        [],
    )
