"""How much worse do the 68 points get on spoiled pictures? The 90 HELEN photos, every system on the same files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nasion.core import FloatArray, ImageArray
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.defaults import PEERS_FOLDER
from nasion.report.bench.degrade import Labelled, blur, darken, grey, jpeg, rotate, shrink
from nasion.report.bench.machine import describe_models
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder
from nasion.report.bench.peers import Peer, find_peers, split_by_weights
from nasion.report.bench.placing import learn_map, notes_on_peers, place_ours, place_peer
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.robustness_plots import draw_by_level, draw_by_yaw, draw_curves
from nasion.report.bench.scoring import Placed, paired_difference, percent, score, signed_percent
from nasion.report.bench.yaw import annotated_yaw

SEED = 11


@dataclass(frozen=True, slots=True)
class Scene:
    """What a condition may use of one photo.

    Attributes:
        face: the photo as it is, with the human points.
        texture: another photo, RGB uint8.
        rng: the same for this photo in every condition and run, so that larger blobs cover what smaller ones did.
        number: of the photo, 0 on.
    """

    face: Labelled
    texture: ImageArray
    rng: np.random.Generator
    number: int


Condition = Callable[[Scene], Labelled]
Key = tuple[str, str | int]  # of the table: "" and its row; of a plot: its name and the level

CLEAN, DRAWN = "clean", "hands, masks, hair ..."


def _covered(share: float) -> Condition:
    return lambda s: Labelled(hide_part(s.face.image, s.face.points, s.texture, s.rng, share)[0], s.face.points)


def _drawn(s: Scene) -> Labelled:
    kind = tuple(OCCLUDERS)[s.number % len(OCCLUDERS)]
    return Labelled(draw_occluder(kind, s.face.image, s.face.points, s.rng)[0], s.face.points)


def _blurred(strength: float) -> Condition:
    return lambda s: blur(s.face, strength)


def _reduced(side: int) -> Condition:
    return lambda s: shrink(s.face, side)


CONDITIONS: dict[str, Condition] = {
    CLEAN: lambda s: s.face,
    "30 % covered": _covered(0.3),
    DRAWN: _drawn,
    "blurred, sigma 5 % of the eye distance": _blurred(0.05),
    "JPEG quality 20": lambda s: jpeg(s.face, 20),
    "face of 32 px": _reduced(32),
    "turned by 45 degrees": lambda s: rotate(s.face, 45 if s.number % 2 else -45),
    "low light": lambda s: darken(s.face, 0.03, s.rng),
    "grey": lambda s: grey(s.face),
}
# What the plots go through; where nothing is spoiled stands the clean picture.
SWEEPS: dict[str, tuple[str, dict[int, Condition]]] = {
    "occlusion": ("covered part of the box around the points, %", {k: _covered(k / 100) for k in (10, 20, 30, 40)}),
    "blur": ("sigma of the blur, % of the inter-ocular distance", {k: _blurred(k / 100) for k in (2, 5, 8, 12)}),
    "size": ("longer side of the box around the points, px", {k: _reduced(k) for k in (96, 64, 48, 32, 24)}),
}


def bench_robustness(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Spoil each photo in known ways, hand the same files to every system and compare with the human labels.

    Args:
        data: the data folder.
        peers: systems to measure beside us, by name, or ``["all"]``.
        peers_folder: where their scripts are.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    photos = helen(data)[:limit]
    images = [read_image(photo.path) for photo in photos]
    ready, absent = split_by_weights(find_peers(peers, "landmarks", peers_folder), data)
    todo: dict[Key, Condition] = {("", name): condition for name, condition in CONDITIONS.items()}
    todo |= {(sweep, level): condition for sweep, (_, levels) in SWEEPS.items() for level, condition in levels.items()}
    with tempfile.TemporaryDirectory() as folder:  # about 1.2 GB for 90 photos; every peer starts only once
        spoiled = {
            key: _spoil(condition, photos, images, Path(folder, str(i)))
            for i, (key, condition) in enumerate(progress(todo.items(), "spoiling", len(todo)))
        }
        every = [photo for of_key in spoiled.values() for photo in of_key]
        systems = [place_ours(Analyzer(tasks=("landmarks",), scheme="ibug68"), every)]
        for peer in ready:
            systems += place_peer(peer, every, data, learn_map(peer, data) if limit is None else None)
    figures: dict[Key, dict[str, dict[str, Any]]] = {}
    for i, (key, of_key) in enumerate(spoiled.items()):
        part = slice(i * len(photos), (i + 1) * len(photos))
        cut = [Placed(s.label, s.points[part], s.layout, s.ms[part]) for s in systems]
        figures[key] = _figures(cut, np.stack([photo.points for photo in of_key]))
    sweeps = {
        sweep: {"axis": axis, "levels": {str(level): figures[sweep, level] for level in levels}}
        for sweep, (axis, levels) in SWEEPS.items()
    }
    yaw = [annotated_yaw(photo.points, image) for photo, image in zip(photos, images, strict=True)]
    table = {name: figures["", name] for name in CONDITIONS}
    return _result(table, sweeps, yaw, command_line("robustness", peers, limit), absent)


def _spoil(
    condition: Condition, photos: Sequence[FacePhoto], images: Sequence[ImageArray], folder: Path
) -> list[FacePhoto]:
    """The spoiled pictures as lossless files, and their labels."""
    folder.mkdir()
    spoiled = []
    for i, (photo, image) in enumerate(zip(photos, images, strict=True)):
        scene = Scene(Labelled(image, photo.points), images[i - 1], np.random.default_rng([SEED, i]), i)
        face = condition(scene)
        path = folder / f"{photo.path.stem}.png"
        Image.fromarray(face.image).save(path, compress_level=1)  # the usual level takes longer than the landmarks
        spoiled.append(FacePhoto(path, face.points))
    return spoiled


def _figures(systems: Sequence[Placed], truth: FloatArray) -> dict[str, dict[str, Any]]:
    """Every system's score, and how it compares with ours on the faces that both found."""
    out = {s.label: score(s, truth) for s in systems}
    for other in systems[1:]:
        out[other.label]["nasion_minus_it"] = paired_difference(systems[0], other, truth)
    return out


def _result(
    figures: dict[str, dict[str, dict[str, Any]]],
    sweeps: dict[str, dict[str, Any]],
    yaw: Sequence[float],
    command: str,
    absent: Sequence[Peer],
) -> Result:
    systems = tuple(figures[CLEAN])
    columns, rivals = ("pictures", *systems), ("pictures", *systems[1:])

    def rows(cell: Callable[[dict[str, Any]], str | None], names: Sequence[str]) -> tuple[tuple[str | None, ...], ...]:
        return tuple((name, *(cell(of[system]) for system in names[1:])) for name, of in figures.items())

    tables = [
        Table(
            "Mean error of the faces found, % of the inter-ocular distance (faces missed)",
            columns,
            rows(_error, columns),
        ),
        Table("Area under the error curve up to 8 %, a missed face counting nothing", columns, rows(_area, columns)),
    ]
    if len(systems) > 1:
        gaps = rows(lambda s: signed_percent(s["nasion_minus_it"]), rivals)
        tables.append(Table("nasion minus it on the faces both found, points of a per cent", rivals, gaps))
    return Result(
        name="robustness",
        title=f"68 landmarks on {len(yaw)} HELEN test photos, spoiled in known ways, own boxes",
        command=command,
        tables=tuple(tables),
        numbers={
            "conditions": figures,
            "sweeps": sweeps,
            "yaw": [round(v, 1) for v in yaw],
            "not_measured": {peer.label: list(peer.weights) for peer in absent},
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            "Every system gets the same lossless files and finds the face itself.",
            "Errors are over all 68 points, the hidden ones among them: their places are known from the clean photo.",
            "30 % covered: a wavy blob of another photo's pixels, 30 % of the points' box, much as in our recipe.",
            f"{DRAWN}: one of eight kinds of things in front of each face, drawn by a program that no recipe uses.",
            "Face of 32 px: the longer side of the box around the points, brows to chin.",
            "Low light: 3 % of the light, with the noise of few photons. Turned: left and right in turns.",
            "A difference whose 95 % interval holds 0 may be chance.",
            *notes_on_peers(systems, absent),
        ),
        plots={
            "ced": lambda figure: draw_curves(figure, figures),
            "pose": lambda figure: draw_by_yaw(figure, figures[CLEAN], np.abs(yaw)),
            **{
                name: partial(draw_by_level, name=name, sweep=sweep, clean=figures[CLEAN])
                for name, sweep in sweeps.items()
            },
        },
    )


def _error(s: dict[str, Any]) -> str:
    return f"{percent(s.get('nme_mean')) or '-'} ({s['missed']})"


def _area(s: dict[str, Any]) -> str:
    return f"{s['auc_8']:.3f}"
