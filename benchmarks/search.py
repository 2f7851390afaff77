"""Visual search: six searches with a known asymmetry in people, and finding a person on a contact sheet.

    python benchmarks/search.py [--displays 8] [--sheets 30] [--people 260] [--write]

The searches run on oriented edges, without any weights, with windows that grow away from the fixation and without. On
contact sheets of ``identity`` another picture of one person is looked for, by an embedding (where the weights are at
hand) and by oriented gradients; people whose sheets set the threshold are not on those that are scored.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import Box, Face, ModelError
from nasion.detect import FaceDetector
from nasion.gaze.search import (
    TASKS,
    PersonSearch,
    VisualSearch,
    asymmetry_index,
    draw_display,
    edge_stack,
    face_codes,
    reaction_time,
    search_slope,
)
from nasion.gaze.search.people import aligned, hog_codes
from nasion.media import read_image
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish

SHEET, CELL = 5, 150  # cells along a side; px
TARGETS = 8  # people looked for on each sheet


def searches(count: int) -> dict[str, Any]:
    """Slopes and index of each task for people, for the searcher, and for one that sees everywhere alike."""
    searchers = {
        "edges": VisualSearch(edge_stack()),
        "edges, no eccentricity": VisualSearch(edge_stack(), slopes=(0.0,) * 5),
    }
    out: dict[str, Any] = {"people": {}, **{name: {} for name in searchers}}
    for name, task in TASKS.items():
        human = [search_slope(task.sizes, times) for times in (task.hard_ms, task.easy_ms)]
        out["people"][name] = {"hard": human[0], "easy": human[1], "index": float(asymmetry_index(*human))}
        for who, searcher in searchers.items():
            slopes, looks = [], []
            for target in (task.hard, task.easy):
                rng, mean = np.random.default_rng(7), []
                for size in task.sizes:
                    shown = [draw_display(name, target, size, rng) for _ in range(count)]
                    found = [searcher.search(d.target, d.image, d.items, d.wanted).fixations for d in shown]
                    mean.append(float(np.mean(found)))
                looks.append(mean)
                slopes.append(search_slope(task.sizes, reaction_time(mean)))
            index = float(asymmetry_index(*slopes))
            out[who][name] = {"hard": slopes[0], "easy": slopes[1], "index": index, "looks": looks}
            print(name, who, np.round(slopes, 1), round(index, 2), flush=True)
    return out


def people_pictures(folder: Path, most: int, detector: FaceDetector) -> list[list[tuple[np.ndarray, Face]]]:
    """Two pictures with a face of each person who has them."""
    found = []
    for person in sorted(p for p in folder.iterdir() if p.is_dir())[:most]:
        pair = []
        for file in sorted(person.glob("*.webp"))[:3]:
            image = read_image(file)
            faces = detector.detect(image)
            if faces:
                pair.append((image, max(faces, key=lambda f: f.box.area)))
        if len(pair) >= 2:
            found.append(pair[:2])
    return found


def sheet(rng: np.random.Generator, pictures: list[tuple[np.ndarray, Face]]) -> tuple[np.ndarray, list[Face]]:
    """The pictures in random cells of one sheet, and the faces where they are there."""
    from dataclasses import replace

    import cv2

    side = SHEET * CELL
    canvas, faces = np.full((side, side, 3), 40, np.uint8), []
    for cell, (image, face) in zip(rng.permutation(SHEET * SHEET), pictures, strict=False):
        scale = (CELL - 10) / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x, y = 5 + CELL * int(cell % SHEET), 5 + CELL * int(cell // SHEET)
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
        points = face.landmarks.points.copy()
        points[:, :2] = (points[:, :2] + 0.5) * scale - 0.5 + (x, y)
        box = Box(*((face.box.to_array() * scale) + np.tile([x, y], 2)).tolist())
        faces.append(replace(face, box=box, landmarks=replace(face.landmarks, points=points)))
    return canvas, faces


def find_people(folder: Path, sheets: int, most: int) -> dict[str, Any]:
    rng, detector = np.random.default_rng(11), FaceDetector()
    everyone = people_pictures(folder, most, detector)
    order = rng.permutation(len(everyone))
    half = len(order) // 2
    groups = {"threshold": order[:half], "scored": order[half:]}
    codes = {"oriented gradients": hog_codes}
    try:
        codes["embedding"] = face_codes()
    except ModelError as error:
        print(error)
    out: dict[str, Any] = {"people": len(everyone), "cells": SHEET * SHEET}
    for name, code in codes.items():
        made = {}
        for group, rows in groups.items():
            made[group] = code(np.stack([aligned(*everyone[i][k])[0] for i in rows for k in (0, 1)])).reshape(
                len(rows), 2, -1
            )
        likeness = made["threshold"][:, 0] @ made["threshold"][:, 1].T
        strangers = likeness[~np.eye(len(likeness), dtype=bool)]
        same = float(
            np.quantile(strangers, 1 - 1 / (5 * SHEET * SHEET))
        )  # a stranger on a sheet in five is taken for them
        variants = {name: {"same": same}, f"{name}, sharp everywhere": {"same": same, "blur": 0.0}}
        draw = np.random.default_rng(12)
        results: dict[str, list[tuple[float, bool, bool]]] = {variant: [] for variant in variants}
        for _ in range(sheets):
            chosen = draw.permutation(groups["scored"])[: SHEET * SHEET]
            canvas, faces = sheet(draw, [everyone[i][0] for i in chosen])
            searchers = {variant: PersonSearch(canvas, faces, code, **options) for variant, options in variants.items()}
            for wanted in draw.permutation(len(faces))[:TARGETS].tolist():
                target = code(aligned(*everyone[chosen[wanted]][1])[0][None])[0]
                for variant, searcher in searchers.items():
                    path = searcher.search(target)
                    reached = path.visited.index(wanted) + 1 if wanted in path.visited else np.nan
                    results[variant].append((reached, path.answer == wanted, path.answer not in (None, wanted)))
        out["scan " + name] = {"threshold": same}
        for variant, rows in results.items():
            looks, right, wrong = (np.array(column, float) for column in zip(*rows, strict=True))
            out["scan " + name][variant] = {
                "looks": float(np.nanmean(looks)), "one": float((looks == 1).mean()), "found": float(right.mean()),
                "mixed_up": float(wrong.mean()),
            }  # fmt: skip
            print(variant, same, out["scan " + name][variant], flush=True)
    return out


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for k, (name, found) in enumerate(numbers["searches"].items()):
        axes.bar(np.arange(len(found)) + 0.27 * (k - 1), [f["index"] for f in found.values()], 0.25, label=name)
    axes.set_xticks(range(len(TASKS)), [name.replace("_", " ") for name in TASKS])
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylabel("asymmetry index")
    axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--displays", type=int, default=8, help="of each kind and size")
    parser.add_argument("--sheets", type=int, default=30)
    parser.add_argument(
        "--people", type=int, default=260, help="whose pictures are used, half of them for the threshold"
    )
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    numbers: dict[str, Any] = {
        "people": find_people(data_folder(args.data) / "identity", args.sheets, args.people),
        "searches": searches(args.displays),
    }  # fmt: skip
    columns = ("searcher", *(name.replace("_", " ") for name in TASKS), "mean")
    rows = []
    for name, found in numbers["searches"].items():
        index = [f["index"] for f in found.values()]
        rows.append((name, *index, float(np.mean(index))))
    scans = []
    for key, found in numbers["people"].items():
        if key.startswith("scan "):
            for variant, f in found.items():
                if variant != "threshold":
                    scans.append((variant, f["looks"], 100 * f["one"], 100 * f["found"], 100 * f["mixed_up"]))
    cells = numbers["people"]["cells"]
    scans.append(("any order, oracle", (cells + 1) / 2, 100 / cells, 100.0, 0.0))
    result = Result(
        name="search", title="Visual search",
        command=f"python benchmarks/search.py --displays {args.displays} --sheets {args.sheets} "
        f"--people {args.people} --write",
        tables=(
            Table("Asymmetry index: above 0 as in people, 0 none, below 0 the wrong way round", columns, tuple(rows)),
            Table(
                f"{args.sheets * TARGETS} searches for one of {cells} people on a contact sheet, by another picture",
                ("compared by", "looks until reached", "at the first look, %", "found, %", "somebody else taken, %"),
                tuple(scans),
            ),
        ),
        numbers=numbers,
        notes=(
            f"{args.displays} displays of each kind and size: an index is uncertain by a few tenths.",
            "People's times as the released code of the paper has them; the paper's own network, VGG16, was not run.",
            "The threshold lets one stranger in five sheets pass among people who are on none of the scored sheets.",
            "Looks until reached: over the searches that reached the person before somebody else was taken.",
        ),
        plots={"asymmetry": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
