"""The page of the service in a real browser: photos in, answers out, by keyboard as well."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .served import served

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
TOKEN = "a-token-of-some-length"
WAIT = 180_000  # milliseconds


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as found:
        # Tests of containers run as root, where Chromium has no sandbox.
        running = found.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), "--explain") as running:
        yield running


@pytest.fixture
def page(browser, service):
    """The page, at phone width; it must load nothing from elsewhere and break no rule."""
    opened = browser.new_page(viewport={"width": 420, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(service.url)
    opened.locator("#model option").first.wait_for(state="attached", timeout=WAIT)
    yield opened
    opened.close()
    assert said == []
    ours = (service.url, "blob:", "data:")
    assert [url for url in asked if not url.startswith(ours)] == []


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    (folder / "<b>notes<b>.jpg").write_text("no image")
    return [folder / "photo.png", folder / "<b>notes<b>.jpg"]


def choose(page, *files: Path) -> None:
    page.set_input_files("#photos", files)
    page.locator("#state", has_text=f"Done: {len(files)}").wait_for(timeout=WAIT)


def test_photos_get_answers(page, files):
    choose(page, *files)
    first, second = page.locator(".result").all()
    assert first.locator("h3").inner_text() == "photo.png"
    assert re.search(r"(reaches|stays below) the threshold", first.inner_text())
    assert second.locator("h3").inner_text() == "<b>notes<b>.jpg", "text, and no markup"
    assert second.locator(".verdict").inner_text() == "No verdict"
    assert "bytes are those of no image" in second.inner_text()
    assert "does not show this kind of file" in second.locator(".photo").inner_text()
    focused = page.locator(":focus")
    assert focused.inner_text() == "Results", "the focus goes where the answers are"
    assert page.locator("html").evaluate("e => e.scrollWidth") <= 420


def test_what_the_detector_looks_at(page, files):
    choose(page, files[0])
    page.locator(".result button").click()
    page.locator(".heat img").first.wait_for(timeout=WAIT)
    sizes = page.locator(".heat img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(sizes) == 5
    assert min(sizes) > 0


def test_the_report_holds_everything(page, browser, files, tmp_path):
    choose(page, *files)
    with page.expect_download(timeout=WAIT) as got:
        page.get_by_role("button", name="Download report").click()
    got.value.save_as(tmp_path / "report.html")
    with page.expect_download(timeout=WAIT) as numbers:
        page.get_by_role("button", name="Download numbers").click()
    numbers.value.save_as(tmp_path / "report.json")
    answers = json.loads((tmp_path / "report.json").read_text())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert answers[0]["images"][0]["sha256"] in text
    assert not re.search(r"blob:|https?://|<script|<button", text)
    opened = browser.new_page()
    opened.goto((tmp_path / "report.html").as_uri())
    assert opened.locator(".result").count() == 2
    assert opened.locator(".result img").first.evaluate("one => one.naturalWidth") == 120
    assert "no proof" in opened.inner_text("main")
    opened.close()


def test_a_keyboard_is_enough(page, files):
    choose(page, files[0])
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").evaluate("e => e.innerText || e.id"))
        if names[-1] == "Clear":
            page.keyboard.press("Enter")
            break
    assert names[:3] == ["Download report", "Download numbers", "Clear"]
    assert page.locator(".result").count() == 0
    assert page.locator(":focus").get_attribute("id") == "photos"


def test_every_control_has_a_name(page, files):
    choose(page, files[0])
    for control in page.locator("button, select, input").all():
        named = control.evaluate("e => (e.labels?.[0] || e).innerText.trim()")
        assert named, control.evaluate("e => e.outerHTML")
    for picture in page.locator("img").all():
        assert picture.get_attribute("alt")
    assert page.locator("#state").get_attribute("role") == "status"
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(browser, service, files, scheme):
    """Contrast of at least 4.5 : 1 (WCAG AA) of what is said, against the page's ground."""
    page = browser.new_page(color_scheme=scheme)
    page.goto(service.url)
    choose(page, *files)
    ground = rgb(page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor"))
    for place in (".verdict", ".note", ".hash", "#state", ".lead"):
        ink = rgb(page.locator(place).first.evaluate("e => getComputedStyle(e).color"))
        assert contrast(ink, ground) >= 4.5, (scheme, place)
    page.close()


def rgb(text: str) -> list[float]:
    return [int(value) / 255 for value in re.findall(r"\d+", text)[:3]]


def contrast(one: list[float], other: list[float]) -> float:
    def luminance(colour: list[float]) -> float:
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_a_token_is_asked_for_and_used(browser, tmp_path, files):
    (tmp_path / "tokens").write_text(TOKEN)
    with served(tmp_path, "--token-file", tmp_path / "tokens") as service:
        page = browser.new_page()
        page.goto(service.url)
        page.locator("#state", has_text="Give your token").wait_for(timeout=WAIT)
        page.fill("#token", "wrong")
        page.keyboard.press("Tab")
        page.fill("#token", TOKEN)
        page.keyboard.press("Tab")
        page.locator("#model option").first.wait_for(state="attached", timeout=WAIT)
        choose(page, files[0])
        assert page.locator(".verdict").count() == 1
        service.process.kill()
        service.process.wait()
        page.set_input_files("#photos", files[0])
        page.locator("#trouble", has_text="cannot be reached").wait_for(timeout=WAIT)
        assert page.locator(".verdict").last.inner_text() == "No answer"
        page.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Two seconds, in a codec that every Chromium plays."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("film") / "film.webm"
    generator = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for _ in range(20):
            pixels = generator.integers(0, 256, (96, 128, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_films_get_a_timeline(page, browser, film, tmp_path):
    choose(page, film)
    shown = page.locator(".result")
    assert re.search(r"(reaches|stays below) the threshold", shown.inner_text())
    drawing = shown.locator("svg.timeline")
    assert "2.0 seconds" in drawing.get_attribute("aria-label")
    assert drawing.locator("circle").count() == 20
    screen = shown.locator("video")
    playing = "one => one.readyState >= 2 && one.videoWidth === 128"
    page.wait_for_function(f"() => [...document.querySelectorAll('video')].every({playing})")
    box = drawing.bounding_box()
    drawing.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert screen.evaluate("one => one.currentTime") == pytest.approx(1, abs=0.1)
    assert page.locator("html").evaluate("e => e.scrollWidth") <= 420
    with page.expect_download(timeout=WAIT) as got:
        page.get_by_role("button", name="Download report").click()
    got.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"blob:|<video|<button", text)
    opened = browser.new_page()
    opened.goto((tmp_path / "report.html").as_uri())
    assert opened.locator(".result img").evaluate("one => one.naturalWidth") == 128
    assert opened.locator("svg.timeline circle").count() == 20
    opened.close()


def test_what_is_no_film_says_so(page, tmp_path):
    (tmp_path / "notes.mp4").write_text("no film")
    choose(page, tmp_path / "notes.mp4")
    shown = page.locator(".result")
    assert shown.locator(".verdict").inner_text() == "No verdict"
    assert "bytes are those of no known film" in shown.inner_text()
    assert "does not show this kind of film" in shown.inner_text()
