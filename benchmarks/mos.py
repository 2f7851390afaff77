"""MOS at small scale: does learning pose help, and do learned task weights?

    python benchmarks/mos.py [--steps 2200] [--long 4400] [--systems A,B] [--keep FOLDER] [--write]

Three networks with the same seed, faces and number of steps: as published (in small), with fixed task weights, and
without pose; then the first and the last once more, for longer. Trained on HELEN crops and rendered heads (see
``nasion.train.mos_scenes``); measured on rendered heads of another seed, whose pose is known exactly, and on scenes of
held-out HELEN faces. With --keep, rows that FOLDER has are not measured again, and the networks lie there as ONNX.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.metrics.detection import detection_score, iou_matrix
from nasion.models import Session
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import fit, load_csv, split
from nasion.train.mos import MOS, SCENE
from nasion.train.mos_net import Decoded
from nasion.train.mos_scenes import Heads, compose, from_photos, rendered

VARIANTS = {
    "mos": {},
    "fixed task weights": {"learned": False},
    "without pose": {"pose": False},
}
TEST_SEED, TEST_HEADS = 99, 200
FRAME = (480, 640)
RUNS = 30  # of one frame, for the time
SURE, OVERLAP, SAME = 0.55, 0.5, 0.4


def scenes(
    heads: Heads, seed: int, most: int, low: float, high: float, side: int = SCENE
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each head once, alone or with others; faces ``low``..``high`` px in scenes of ``side`` px."""
    rng, made, at = np.random.default_rng(seed), [], 0
    while at < len(heads):
        count = min(int(rng.integers(1, most + 1)), len(heads) - at)
        chosen = [(heads.images[i], heads.faces[i]) for i in range(at, at + count)]
        made.append(compose(rng, side, chosen, np.exp(rng.uniform(np.log(low), np.log(high), count))))
        at += count
    return made


def detect(net: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """(N, 18) rows above 0.05, one a face."""
    from nasion.detect.suppression import suppress

    with torch.inference_mode():
        rows = Decoded(net)(torch.from_numpy(image).permute(2, 0, 1)[None].float())[0].numpy()
    rows = rows[rows[:, 4] > 0.05]
    return rows[suppress(rows[:, :4], rows[:, 4], SAME)]


def measure(net: torch.nn.Module, made: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    found, truth, pairs = [], [], []
    for image, faces in made:
        rows = detect(net, image)
        found.append(rows)
        truth.append(faces[:, :4])
        sure = rows[rows[:, 4] > SURE]
        if len(sure) and len(faces):
            shared = iou_matrix(sure[:, :4], faces[:, :4])
            for j, i in enumerate(shared.argmax(0)):
                if shared[i, j] >= OVERLAP:
                    pairs.append((sure[i], faces[j]))
    score = detection_score([f[:, :4] for f in found], [f[:, 4] for f in found], truth, OVERLAP)
    sure = detection_score(
        [f[f[:, 4] > SURE, :4] for f in found], [f[f[:, 4] > SURE, 4] for f in found], truth, OVERLAP
    )
    out = {"ap": score.average_precision, "recall": sure.recall, "faces": float(score.true_boxes)}
    if not pairs:
        return out
    a, b = (np.stack(side) for side in zip(*pairs, strict=True))
    side = np.sqrt((b[:, 2:4] - b[:, :2]).prod(1))
    error = np.linalg.norm((a[:, 5:15] - b[:, 4:14]).reshape(-1, 5, 2), axis=2).mean(1) / side
    known = np.isfinite(b[:, 14:]).all(1)
    out["points"] = float(error.mean())
    turned = known & (np.abs(b[:, 14]) > 45)
    out["points_turned"] = float(error[turned].mean()) if turned.any() else None
    for k, name in enumerate(("yaw", "pitch", "roll")):
        out[name] = float(np.abs(a[known, 15 + k] - b[known, 14 + k]).mean())
    return out


def milliseconds(path: Path) -> float:
    """Median processor time of one frame on one thread."""
    session, spent = Session(path, threads=1), []
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, *FRAME)).astype(np.float32)
    for _ in range(RUNS):
        began = time.process_time()
        session.run({"image": picture})
        spent.append(1e3 * (time.process_time() - began))
    return float(np.median(spent))


def row(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    heads, photos, pose = found["rendered"], found["photos"], VARIANTS[name.partition(",")[0]].get("pose", True)

    def percent(value: float | None) -> float | None:
        return None if value is None else 100 * value

    angles = [heads.get(k) if pose else None for k in ("yaw", "pitch", "roll")]
    return (
        name, percent(heads["recall"]), *angles, percent(heads.get("points")), percent(heads.get("points_turned")),
        percent(photos["recall"]), percent(photos["ap"]), percent(photos.get("points")),
        photos.get("yaw") if pose else None, percent(found["large"]["recall"]), found["ms"],
    )  # fmt: skip


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    names = list(numbers["systems"])
    for k, (key, label) in enumerate((("points", "all"), ("points_turned", "turned beyond 45°"))):
        values = [100 * (numbers["systems"][n]["rendered"].get(key) or 0) for n in names]
        axes.bar(np.arange(len(names)) + 0.4 * k - 0.2, values, 0.38, label=label)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("five points: mean error, % of the box's side")
    axes.set_title("MOS in small, on rendered heads")
    axes.legend()


def train_and_measure(name: str, steps: int, folder: Path | None, made: Path) -> dict[str, Any]:
    """Train one network, write it as ``made``."""
    data = load_csv(data_folder(folder) / "landmarks68" / "train.csv", size=96)
    train, held = split(MOS().adapt(data))
    recipe, began = MOS(**VARIANTS[name]), time.process_time()
    trained = fit(recipe, train, steps=steps, seed=0, threads=1)
    net, spent = trained.model, time.process_time() - began
    photos = from_photos(held)
    tests = {
        "rendered": scenes(rendered(TEST_SEED, TEST_HEADS), 5, 1, 40, 90),
        "photos": scenes(photos, 6, 3, 20, 80),
        "large": scenes(photos, 7, 1, 100, 180, 2 * SCENE),
    }
    result: dict[str, Any] = {test: measure(net, pictures) for test, pictures in tests.items()}
    recipe.export(net, made)
    result |= {"cpu_s": round(spent), "log_variance": [round(float(s), 3) for s in net.log_variance.detach()]}
    return result | {"ms": milliseconds(made), "log": trained.log[:: max(1, len(trained.log) // 40)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--long", type=int, default=0, help="steps of one more training with and without pose; 0: none")
    parser.add_argument("--systems", default="", help="only these, separated by commas")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None, help="folder for the rows and the networks")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    numbers: dict[str, Any] = {"steps": args.steps, "systems": {}}
    with tempfile.TemporaryDirectory() as spare:
        folder = args.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        runs = [(name, name, args.steps) for name in (args.systems.split(",") if args.systems else VARIANTS)]
        if args.long:
            runs += [(f"{name}, {args.long} steps", name, args.long) for name in ("mos", "without pose")]
        for label, name, steps in runs:
            kept = folder / f"{name}-{steps}.json"
            if not kept.exists():
                kept.write_text(json.dumps(train_and_measure(name, steps, args.data, kept.with_suffix(".onnx"))))
            numbers["systems"][label] = json.loads(kept.read_text())
            print(label, {k: v for k, v in numbers["systems"][label].items() if k != "log"}, flush=True)
    columns = (
        "system", "rendered: found %", "yaw °", "pitch °", "roll °", "points %", "points % beyond 45°",
        "photos: found %", "AP %", "points %", "yaw ° against our reader", "large: found %", "ms a frame",
    )  # fmt: skip
    rows = tuple(row(name, found) for name, found in numbers["systems"].items())
    result = Result(
        name="mos", title="MOS at small scale",
        command=f"python benchmarks/mos.py --steps {args.steps} --long {args.long} --write",
        tables=(Table("Mean absolute errors", columns, rows),), numbers=numbers,
        notes=(
            f"{args.steps} steps (some rows more) of 12 scenes of {SCENE} px or 3 of {2 * SCENE} px, one seed.",
            f"Found: a face scored above {SURE} overlaps the true box by {OVERLAP} or more.",
            "Rendered: 40 to 90 px, one a scene; photos: 20 to 80 px, up to three; large: photos of 100 to 180 px.",
            "Points: mean distance over the root of the box's area. The pose of rendered heads is exact.",
            "Poses of the photos are read by nasion: agreement between two of our networks, not accuracy.",
            "Milliseconds: processor time of one thread for 640 x 480 px, ONNX Runtime.",
        ),
        plots={"points": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
