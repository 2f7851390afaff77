"""A visit to the studio in a real browser: Chromium without a window, a clip for its camera, and what the page shows.

A machine that is too slow, or busy, would see too few of the clip's frames. There clip and page's clock both go slower
by the same factor: the page computes what it would on a machine as much faster, and its times a frame are still the
real ones.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nasion.core import MissingExtraError, ModelError
from nasion.media import FrameResult, read_table, table_to_faces
from nasion.report.bench.studio_clips import MARK, set_rate

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
COUNTDOWN_S = 1.5  # between the key that begins a calibration and its first target, as in the page
SPARE = 1.6  # times what a frame takes that there must be between two
SEEN = 0.97  # share of a clip's frames that must be read: a blink at 15 a second has five
START_S = 240.0  # for the models to load and the first frame to be read
STAGES = ("detect", "landmarks", "read", "grab", "total")

_CLOCK = """(() => {
  const real = performance.now.bind(performance);
  let base = 0, start = 0, factor = 1;
  performance.now = () => base + (real() - start) / factor;
  window.slowClock = (by) => { base = performance.now(); start = real(); factor = by; };
})()"""
_HOW_FAR = """(mark) => {
  const video = document.getElementById("video");
  const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
  pen.drawImage(video, mark / 2, video.videoHeight - mark / 2, 1, 1, 0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data[0] / 255;
}"""


def find_browser() -> Path | None:
    """The Chromium to drive: ``NASION_CHROMIUM``, else one on the path; None where there is none."""
    named = os.environ.get("NASION_CHROMIUM")
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return Path(found) if found else None


@contextmanager
def serving() -> Iterator[str]:
    """``nasion studio`` on a free port; gives its address."""
    command = [sys.executable, "-c", "from nasion.cli.main import app; app()", "studio", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if len(words) < 4:
                raise ModelError("nasion studio did not start; run it by hand to see why")
            yield words[3]
        finally:
            process.terminate()


@contextmanager
def visiting(
    address: str, camera: Path | None, *, size: tuple[int, int] = (1360, 860), dark: bool = True, allowed: bool = True
) -> Iterator[Page]:
    """The studio's page in a browser whose camera plays a clip, or that has none.

    Raises:
        MissingExtraError: Playwright is not installed.
        ModelError: there is no Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtraError('driving a browser needs Playwright: pip install "nasion[dev]"') from error
    browser = find_browser()
    if browser is None:
        raise ModelError("no Chromium found: apt-get install chromium, or name one in NASION_CHROMIUM")
    flags = ["--autoplay-policy=no-user-gesture-required"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to run as root with it
    if camera is not None:
        flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
        flags += ["--use-fake-ui-for-media-stream"] if allowed else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=flags)
        context = started.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
            permissions=["camera"] if allowed else [], accept_downloads=True,
        )  # fmt: skip
        page = context.new_page()
        page.add_init_script(_CLOCK)
        page.set_default_timeout(900_000)  # a calibration on a machine that is busy
        page.goto(address)
        yield page
        started.close()


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of the frames of a while: median of each stage, and of the fastest tenth in all."""

    frames: int
    median: dict[str, float]
    fastest_total: float


class Room:
    """The page by what a person does in it."""

    def __init__(self, page: Page, clip_seconds: float) -> None:
        self.page, self.clip_seconds, self.slower = page, clip_seconds, 1
        self.began = 0.0  # when the clip did, by the page's clock
        self.fps, self.seen = 0.0, 0.0  # of the clip; share of its frames that were recorded, 0..1
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def ready(self) -> str:
        """Wait for the models; returns what computes."""
        self.page.wait_for_selector('#engine-state[data-state="ready"]')
        return self.page.inner_text("#engine-state").removeprefix("runs here: ")

    def keep_up(self, photo: Path, clip: Path, fps: float, least: int = 1) -> None:
        """Slow clip and clock down where frames would take too long, going by a photo that is read a few times.

        A photo is looked over by the detector and its face placed twice; of a clip, every tenth frame and once.

        Args:
            photo, clip: the person before the camera.
            fps: the clip's own rate.
            least: times slower that it goes at least, where an earlier visit left frames out.
        """
        took = []
        for _ in range(4):
            self.page.set_input_files("#file", photo)
            self._first_reading()
            ms = self._shown()
            took.append(ms["detect"] / 10 + ms["landmarks"] / 2 + ms["read"] + ms["grab"])
            self.page.click("#stop")
        whole = round(fps)  # Chromium rounds rates to whole frames a second
        needed = max(least, SPARE * sorted(took)[2] * fps / 1000)  # the first is slower than all that follow
        slower = (by for by in range(1, whole + 1) if whole % by == 0 and by >= needed)
        self.fps, self.slower = fps, next(slower, whole)
        self.page.evaluate("(by) => slowClock(by)", self.slower)
        set_rate(clip, whole // self.slower)

    def start_camera(self) -> None:
        """Start it, and wait for the first reading."""
        self.page.click("#start-camera")
        self._first_reading()
        self.began = float(self.page.evaluate("performance.now() / 1000")) - self.at()

    def _shown(self) -> dict[str, float]:
        """The milliseconds on the page."""
        script = "(names) => names.map((name) => document.getElementById('ms-' + name).textContent)"
        texts: list[str] = self.page.evaluate(script, list(STAGES))
        return {name: float(text.split()[0]) for name, text in zip(STAGES, texts, strict=True)}

    def _first_reading(self) -> None:
        end = time.monotonic() + START_S
        while not self.page.inner_text("#ms-total").endswith("ms"):  # wait_for_function needs eval: forbidden here
            if time.monotonic() > end or not self.page.locator("#problem").is_hidden():
                raise ModelError(f"the studio reads nothing: {self.page.inner_text('#problem') or 'no frame came'}")
            time.sleep(0.1)

    def at(self) -> float:
        """Seconds into the clip, by the mark in its corner; the camera must run."""
        return float(self.page.evaluate(_HOW_FAR, MARK)) * self.clip_seconds

    def wait_until(self, second: float) -> None:
        """Wait until the clip is there, in this round or the next."""
        self.wait((second - self.at()) % self.clip_seconds)

    def wait(self, seconds: float) -> None:
        """Let that much of the clip go by."""
        time.sleep(seconds * self.slower)

    def blinks(self, path: Path) -> tuple[int, int]:
        """The counter's number, and how many of the exported blinks lie within the clip's first round."""
        text = self.page.inner_text("#blinks")
        if text in ("0", "–"):
            return 0, 0
        with self.save("#export-blinks", path).open(newline="") as file:
            starts = [float(row["start_s"]) - self.began for row in csv.DictReader(file)]
        return int(text), sum(start < self.clip_seconds for start in starts)

    def calibrate(self, first_target_s: float, width_cm: float) -> dict[str, str]:
        """Nine points; the key is pressed so that the first target shows ``first_target_s`` into the clip."""
        self.page.click("#tab-calibrate")
        self.page.fill("#screen-width", str(width_cm))
        self.page.click("#calibrate")
        self.wait_until(first_target_s - COUNTDOWN_S)
        self.page.keyboard.press("Space")
        self.page.wait_for_selector("#calibration-result:not([hidden])")
        ids = ("error-share", "error-cm", "frames-used", "frames-left", "guard", "weak-note")
        return {name: self.page.inner_text(f"#{name}") for name in ids}

    def look_round(self, from_s: float, seconds: float) -> dict[str, str]:
        """Look at the studio's own picture for a while, from ``from_s`` into the clip."""
        self.page.click("#tab-gaze")
        self.wait_until(from_s)
        self.page.click("#look")
        self.wait(seconds)
        self.page.keyboard.press("Space")
        self.page.wait_for_selector("#gaze-result:not([hidden])")
        ids = ("gaze-seconds", "gaze-fixations", "gaze-mean", "gaze-known")
        return {name: self.page.inner_text(f"#{name}") for name in ids}

    def save(self, button: str, path: Path) -> Path:
        """Press a button that exports, and keep what comes."""
        with self.page.expect_download() as coming:
            self.page.click(button)
        coming.value.save_as(path)
        return path

    def recorded(self, path: Path) -> list[FrameResult]:
        """Export what was recorded, and read it; says in ``seen`` how much of the clip it is."""
        results = table_to_faces(read_table(self.save("#export", path)))
        times = [result.time_s for result in results if result.time_s is not None]
        if len(times) > 1:
            self.seen = min(1.0, (len(times) - 1) / ((times[-1] - times[0]) * self.fps))
        return results

    def see_through(self) -> None:
        """Wait for the end of the clip's present round."""
        self.wait(self.clip_seconds - self.at() - 2 / 30)

    def timing(self, seconds: float) -> Timing:
        """Watch the times that the live view shows while that much of the clip goes by."""
        self.page.click("#tab-live")
        rows: list[dict[str, float]] = []
        end = time.monotonic() + seconds * self.slower
        while time.monotonic() < end:
            rows.append(self._shown())
            time.sleep(0.1)
        totals = sorted(row["total"] for row in rows)
        median = {name: sorted(row[name] for row in rows)[len(rows) // 2] for name in STAGES}
        return Timing(len(rows), median, totals[len(totals) // 10])


Found = TypeVar("Found")


def until_seen(visit: Callable[[int], tuple[Room, Found]]) -> Found:
    """Visit, and again with clip and clock slower, until the page has read nearly all frames.

    A machine may be quick while a photo is read and busy later; frames that nobody read hide blinks.

    Args:
        visit: takes how many times slower it must go at least; a clip goes no slower than a frame a second.
    """
    room, found = visit(1)
    while room.seen < SEEN and room.slower < round(room.fps):
        room, found = visit(2 * room.slower)
    return found
