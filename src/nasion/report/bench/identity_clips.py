"""Ten minutes with known and unknown people who come and go, seen by the whole loop of ``nasion assist``.

Photos of people (or of rendered heads) are moved through a frame of 640 x 480 at the size they would have at 1 to 1.6 m
before a camera of 60 degrees, with noise, blur and small turns. Photos that are enrolled never come again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from nasion.core import Camera, FloatArray, ImageArray
from nasion.identity import FaceEmbedder, Gallery
from nasion.pipeline import Analyzer
from nasion.pipeline.assist import EYES_M, Announcement, Assistant
from nasion.pipeline.enrolment import press
from nasion.report.bench.progress import progress

SIZE, FPS = (640, 480), 4.0
VISIT_S, ENTER_S, GAP_S = 8.0, 1.0, 1.4
ENROL_S, ENROL_FPS = 3.0, 10.0
SOON_S = 2.0  # within which a known person has to be named
PUT_OUT_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture of one face and where its eyes are.

    Attributes:
        image: (H, W, 3) uint8.
        eyes: (2, 2) px, irises.
    """

    image: ImageArray
    eyes: FloatArray


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody comes.

    Attributes:
        person: who.
        start_s: first frame with any part of them.
        distance_m: how near they come.
        at: where they stand, share of the width.
        pictures: which two of their portraits are shown, one after the other.
    """

    person: int
    start_s: float
    distance_m: float
    at: float
    pictures: tuple[int, int]


def portraits(people: Sequence[Sequence[ImageArray]]) -> list[list[Portrait]]:
    """The pictures with their eyes found."""
    analyzer, made = Analyzer(("landmarks",), threads=1), []
    for pictures in people:
        own = []
        for image in pictures:
            faces = analyzer(image)
            if faces:
                points = max(faces, key=lambda f: f.box.area).landmarks.to("dense478")
                eyes = np.stack([points[f"{name}_iris"].points[0, :2] for name in ("left", "right")])
                own.append(Portrait(image, eyes.astype(np.float64)))
        made.append(own)
    return made


def script(rng: np.random.Generator, people: int, seconds: float, spare: Sequence[Sequence[int]]) -> list[Visit]:
    """Visits in random order, everybody as often; every fourth comes while somebody is there.

    Args:
        rng: decides everything.
        people: how many.
        seconds: length of the clip.
        spare: per person the portraits that may be shown.
    """
    visits: list[Visit] = []
    now = 1.0
    order: list[int] = []
    while now + VISIT_S < seconds:
        order = order or rng.permutation(people).tolist()
        person, together = order.pop(), len(visits) % 4 == 3
        left = float(rng.uniform(0.22, 0.36)) if together else float(rng.uniform(0.25, 0.75))
        start = now
        if together and visits:
            start, left = visits[-1].start_s + 2.0, 1 - visits[-1].at if abs(visits[-1].at - 0.5) > 0.22 else left
        if together and abs(left - visits[-1].at) < 0.35:
            start, together = now, False  # no room beside the other
        first, second = (int(rng.choice(spare[person])) for _ in range(2))
        visits.append(Visit(person, start, float(rng.uniform(1.0, 1.6)), left, (first, second)))
        now = max(now, start + VISIT_S + GAP_S)
    return visits


def frames(
    rng: np.random.Generator, visits: Sequence[Visit], people: Sequence[Sequence[Portrait]], seconds: float
) -> Iterator[tuple[ImageArray, float]]:
    """The clip."""
    backdrop = cv2.resize(rng.uniform(60, 190, (6, 8, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    for number in range(int(seconds * FPS)):
        now = number / FPS
        canvas = np.asarray(backdrop, np.float32).copy()
        for visit in visits:
            since = now - visit.start_s
            if 0 <= since < VISIT_S:
                late = since > VISIT_S / 2
                _draw(canvas, people[visit.person][visit.pictures[late]], visit, since, rng)
        if rng.random() < 0.1:
            canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.8, 2.5))), np.float32)
        canvas += 3 * rng.standard_normal(canvas.shape, np.float32)
        yield np.clip(np.rint(canvas), 0, 255).astype(np.uint8), now


def _draw(canvas: FloatArray, portrait: Portrait, visit: Visit, since: float, rng: np.random.Generator) -> None:
    """Walk in from the nearer side, stand swaying, walk out."""
    width, height = SIZE
    camera = Camera.for_image(width, height)
    px = camera.fx * EYES_M / visit.distance_m
    edge = -0.25 if visit.at < 0.5 else 1.25
    away = np.clip(max(1 - since / ENTER_S, 1 - (VISIT_S - since) / ENTER_S), 0, 1)
    x = (visit.at + (edge - visit.at) * away) * width + 6 * np.sin(2 * since)
    y = 0.45 * height + 5 * np.cos(1.7 * since)
    across = portrait.eyes[0] - portrait.eyes[1]
    scale, angle = px / float(np.linalg.norm(across)), float(np.radians(4 * np.sin(1.3 * since)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.concatenate([turn, (np.array([x, y]) - turn @ portrait.eyes.mean(0))[:, None]], 1)
    image = portrait.image
    if scale < 0.7:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.35 / scale), np.uint8)
    cut = cv2.warpAffine(image.astype(np.float32), matrix, SIZE)
    mask = np.zeros(image.shape[:2], np.float32)
    mask[4:-4, 4:-4] = 1
    share = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), 2), matrix, SIZE)[..., None]
    canvas += share * (cut * rng.uniform(0.97, 1.03) - canvas)


def enrol(
    gallery: Gallery, embedder: FaceEmbedder, name: str, own: Sequence[Portrait], rng: np.random.Generator,
    merge_ask: bool = True,
) -> tuple[bool, str]:  # fmt: skip
    """One press: three seconds of a person before the camera. Gives whether it worked, and whom they looked like."""
    from nasion.core import InputError

    visit = Visit(0, 0.0, 0.8, 0.5, (0, 0))

    def clip() -> Iterator[tuple[ImageArray, float]]:
        backdrop = np.full((SIZE[1], SIZE[0], 3), 120, np.float32)
        count = int(ENROL_S * ENROL_FPS)
        for i in range(count + 1):
            canvas = backdrop.copy()
            _draw(canvas, own[min(i * len(own) // count, len(own) - 1)], visit, 2 + i / ENROL_FPS, rng)
            yield np.clip(np.rint(canvas), 0, 255).astype(np.uint8), i / ENROL_FPS

    try:
        found = press(clip(), embedder)
    except InputError:
        return False, ""
    alike = gallery.like(found.vectors)
    if merge_ask and alike:
        return False, alike
    gallery.enrol(name, found.vectors)
    return True, alike


def run_script(
    people: Sequence[Sequence[Portrait]], known: int, enrolled: int, seconds: float, seed: int
) -> dict[str, Any]:
    """Enrol the first people, then the clip.

    Args:
        people: portraits of each; the first ``known`` are enrolled by their first ``enrolled`` portraits.
        known, enrolled: how many.
        seconds: length.
        seed: of the script.
    """
    rng, embedder = np.random.default_rng(seed), FaceEmbedder(threads=1)
    gallery = Gallery()
    presses = [enrol(gallery, embedder, f"person {p}", people[p][:enrolled], rng) for p in range(known)]
    again = [enrol(gallery, embedder, "again", people[p][enrolled:], rng)[1] == f"person {p}" for p in range(known)]
    if "again" in gallery.counts:  # only where the question was not asked
        gallery.delete("again")
    spare = [range(enrolled, len(own)) for own in people]
    visits = script(rng, len(people), seconds, [list(s) for s in spare])
    assistant = Assistant(gallery, embedder=embedder)
    said: list[Announcement] = []
    spent, wall, count = 0.0, 0.0, 0
    for image, now in progress(frames(rng, visits, people, seconds), "script", int(seconds * FPS)):
        begun, clock = time.process_time(), time.perf_counter()
        said += assistant(image, now).said
        spent, wall, count = spent + time.process_time() - begun, wall + time.perf_counter() - clock, count + 1
    return {
        **judge(visits, said, gallery, seconds), "pressed": sum(done for done, _ in presses), "asked_again": sum(again),
        "ms_a_frame": 1000 * spent / count, "wall_ms_a_frame": 1000 * wall / count, "frames": count,
    }  # fmt: skip


def judge(visits: Sequence[Visit], said: Sequence[Announcement], gallery: Gallery, seconds: float) -> dict[str, Any]:
    """Named in time, named falsely, said twice."""
    names = {int(name.split()[1]) for name in gallery.counts}
    due = late = missed = 0
    waits: list[float] = []
    last: dict[int, float] = {}
    for visit in visits:
        if visit.person not in names:
            continue
        there = visit.start_s + ENTER_S
        told = [
            a.time_s
            for a in said
            if a.name == f"person {visit.person}" and visit.start_s <= a.time_s <= visit.start_s + VISIT_S + 1
        ]
        recent = [
            a.time_s
            for a in said
            if a.name == f"person {visit.person}" and visit.start_s - PUT_OUT_S < a.time_s < visit.start_s
        ]
        if recent and not told:
            continue  # named less than 30 s ago: silence is right
        due += 1
        if not told:
            missed += 1
        else:
            waits.append(max(0.0, told[0] - there))
            late += told[0] - there > SOON_S
        last[visit.person] = there
    false = 0
    for a in said:
        if a.name:
            here = {v.person for v in visits if v.start_s - 0.5 <= a.time_s <= v.start_s + VISIT_S + 1}
            false += int(a.name.split()[1]) not in here
    keys: Counter[str] = Counter()
    repeats = 0
    told_at: dict[str, float] = {}
    for a in said:
        key = a.name or a.text
        repeats += key in told_at and a.time_s - told_at[key] < PUT_OUT_S - 1e-6
        told_at[key] = a.time_s
        keys[a.kind] += 1
    return {
        "visits_of_known": due, "named_in_time": due - missed - late, "late": late, "missed": missed,
        "median_wait_s": float(np.median(waits)) if waits else None, "false_names": false, "repeats": repeats,
        "minutes": seconds / 60, "lines_a_minute": 60 * len(said) / seconds, "kinds": dict(keys),
    }  # fmt: skip


def rendered_people(count: int, each: int, seed: int) -> list[list[ImageArray]]:
    """Pictures of people who do not exist, each in several poses, lights and with small changes of the face."""
    from dataclasses import replace

    from nasion.synth import HeadModel, SceneOptions, render_scene, sample_scene

    model, made = HeadModel.load(), []
    options = SceneOptions(yaw=(-25, 25), pitch=(-10, 10), size=(224, 224), fill=(0.6, 0.6), degrade=0)
    for person in range(count):
        rng = np.random.default_rng((seed, person))
        who = sample_scene(rng, options).head
        own = []
        for _ in range(each):
            scene = sample_scene(rng, options)
            head = replace(who, expression=scene.head.expression, gaze=scene.head.gaze, jaw=scene.head.jaw)
            own.append(render_scene(replace(scene, head=head), model).image)
        made.append(own)
    return made
