"""Gaze networks on data they are trained for: three regressors of one frame, and calibration on simulated sessions.

    python benchmarks/gaze_systems.py --residuals landmark-gaze-residuals.npz --placed emc-gaze-residuals.npz
        [--minutes 1.0] [--write]

Needs PyTorch. Regressors: the two-branch and the holistic network and boosted trees, on the same drawn heads seen with
the landmarker's measured errors, and what happens when groups of points are shuffled. Sessions: the encoder with a
guarded ridge beside ridge on raw points, by number of looks and with the head still or moving; other people than in
training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasion.gaze.canonical import NODES
from nasion.gaze.encoder import Encoder
from nasion.gaze.features import GROUPS, two_branch
from nasion.gaze.ridge import fit_guarded, fit_ridge
from nasion.gaze.screen import angle_between, meet_plane
from nasion.metrics import gaze_error
from nasion.report.bench.result import Result, Table, publish
from nasion.train.boosted_trees import fit_trees
from nasion.train.emc_sessions import SUPPORT, Sessions, draw_sessions
from nasion.train.gaze_noise import Residuals
from nasion.train.gaze_points import ROW
from nasion.train.landmark_gaze import GazeSet, make_set, train_gaze

SEED, HELD, VIEWS = 5, 60, 12
WHITE = 0.5  # px of the virtual camera, in which the irises are 200 px apart
LOOKS = (0, 1, 3, 5, 9, 16)
STRENGTHS = tuple(float(10**e) for e in np.arange(-3, 3.01, 0.5))


def regressors(data: GazeSet, minutes: float) -> tuple[dict[str, float], dict[str, float]]:
    """Held-out degrees of each, and of the two-branch network with groups of points shuffled."""
    test = data.part(np.flatnonzero(data.person > data.person.max() - HELD))
    learn = data.part(np.flatnonzero(data.person <= data.person.max() - HELD))
    found = {"always into the camera": np.tile([0.0, 0, -1], (len(test.gaze), 1))}
    trained = train_gaze(data, "siamese", minutes, held=HELD)
    found["two branches (siamese)"] = trained.predict(test.points)
    found["holistic"] = train_gaze(data, "holistic", minutes, held=HELD).predict(test.points)
    began = time.process_time()
    trees = fit_trees(two_branch(learn.points), learn.gaze, 300)
    print(f"trees: {time.process_time() - began:.0f} s", flush=True)
    found["boosted trees"] = trees.predict(two_branch(test.points))
    rng, straight = np.random.default_rng(0), gaze_error(found["two branches (siamese)"], test.gaze)
    shuffled = {"nothing": float(straight.mean())}
    middle = test.points[:, [5, 6, 14, 15]].mean(axis=1, keepdims=True)
    for group, rows in GROUPS.items():
        points = test.points.copy()
        other = rng.permutation(len(points))
        points[:, rows] = (points - middle)[other][:, rows] + middle
        shuffled[group] = float(gaze_error(trained.predict(points), test.gaze).mean())
    errors = {name: float(gaze_error(out, test.gaze).mean()) for name, out in found.items()}
    return errors | white(data.person.max() + 1, minutes), shuffled


def white(people: int, minutes: float) -> dict[str, float]:
    """The two-branch network on true points with half a pixel of white noise, the card's own check."""
    data = make_set(None, people, SEED + 1, VIEWS)
    noise = np.random.default_rng(1).normal(0, WHITE, data.points.shape).astype(np.float32)
    noisy = GazeSet(data.points + noise, data.gaze, data.person)
    return {
        "two branches, true points with 0.5 px of white noise": train_gaze(noisy, "siamese", minutes, held=HELD).error
    }


def raw_of(data: Sessions, number: int) -> np.ndarray:
    """(F, K) the points of NODES about the eyes' corners, over their distance, and the place of the face."""
    points = data.raw[number][..., :2].astype(np.float64)
    corners = points[:, [ROW[p] for p in (33, 133, 263, 362)]]
    middle, unit = corners.mean(axis=1), np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
    local = (points[:, [ROW[p] for p in NODES]] - middle[:, None]) / unit[:, None, None]
    return np.concatenate([10 * local.reshape(len(points), -1), middle / 128, unit[:, None] / 64], axis=1)


def sessions(data: Sessions, encoder: Encoder) -> dict[str, Any]:
    """Degrees by method, number of looks and whether the head moves; the mean over sessions."""
    off: dict[tuple[str, int, str], list[float]] = {}
    for number in range(len(data.moving)):
        code, way = encoder(data.points[number, :, 0])
        eyes, target = data.eyes[number, :, 0].astype(np.float64), data.target[number].astype(np.float64)
        base = meet_plane(eyes, way)
        features = np.concatenate([code, base / eyes[:, 2:]], axis=1)
        wanted, raw = (target - base) / eyes[:, 2:], raw_of(data, number)
        kind = "moving" if data.moving[number] else "still"

        for looks in LOOKS:
            corrected = base
            if looks:
                fitted = fit_guarded(features[:looks], wanted[:looks], np.arange(looks), encoder.caution)
                corrected = base + fitted(features) * eyes[:, 2:]
            found = {"emc-gaze": corrected}
            if looks >= 5:
                found["ridge on raw points"] = raw_ridge(raw, target, looks)
            if looks == 9:
                found["middle of the calibration"] = np.tile(target[:9].mean(axis=0), (len(target), 1))
            for method, points in found.items():
                degrees = angle_between(points[SUPPORT:], target[SUPPORT:], eyes[SUPPORT:])
                off.setdefault((method, looks, kind), []).append(float(np.nanmean(degrees)))
    return {f"{m}, {k} looks, {h}": {"mean": float(np.mean(v)), "sessions": len(v)} for (m, k, h), v in off.items()}


def raw_ridge(raw: np.ndarray, target: np.ndarray, looks: int) -> np.ndarray:
    """Ridge from raw points to mm, its strength chosen by leaving out one look after the other."""
    x, y = raw[:looks], target[:looks]

    def left_out(strength: float) -> float:
        total = 0.0
        for i in range(looks):
            kept = np.arange(looks) != i
            weights, constant = fit_ridge(x[kept], y[kept], strength)
            total += float(((y[i] - x[i] @ weights - constant) ** 2).sum())
        return total

    weights, constant = fit_ridge(x, y, min(STRENGTHS, key=left_out))
    return raw @ weights + constant


def plot(found: dict[str, Any], figure: Any) -> None:
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind in zip(panels, ("still", "moving"), strict=True):
        for method, looks in (("emc-gaze", LOOKS), ("ridge on raw points", LOOKS[3:])):
            values = [found[f"{method}, {k} looks, {kind}"]["mean"] for k in looks]
            axes.plot(looks, values, "o-", label=method)
        axes.set(title=f"head {kind} after the calibration", xlabel="calibration looks")
    panels[0].set_ylim(bottom=0)  # after both are drawn: they share the axis
    panels[0].set_ylabel("mean error, degrees")
    panels[0].legend()


def regressor_tables(regress: dict[str, float], shuffled: dict[str, float], people: int) -> tuple[Table, Table]:
    """Each regressor's error, and what shuffled points do to the two-branch network."""
    title = f"One frame: mean degrees on {HELD} people never trained on, {people - HELD} trained on"
    return (
        Table(title, ("regressor", "degrees"), tuple((name, f"{v:.2f}") for name, v in regress.items())),
        Table(
            "Two branches with one group of points taken from another face",
            ("shuffled", "degrees"),
            tuple((name, f"{v:.2f}") for name, v in shuffled.items()),
        ),
    )


def main(report: Callable[[Result, Path | None], None] = publish) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residuals", type=Path, required=True, help="by nasion gaze train landmark-gaze")
    parser.add_argument("--placed", type=Path, required=True, help="by nasion gaze train emc-gaze, for the sessions")
    parser.add_argument("--minutes", type=float, default=1.0, help="CPU minutes of each network; 0 leaves them out")
    parser.add_argument("--people", type=int, default=800)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--encoder", default="gaze_encoder")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    residuals = Residuals.load(args.residuals)
    regress: dict[str, float] = {}
    shuffled: dict[str, float] = {}
    if args.minutes > 0:
        regress, shuffled = regressors(make_set(residuals, args.people, SEED, VIEWS), args.minutes)
        print(regress, shuffled, flush=True)
    found = sessions(draw_sessions(Residuals.load(args.placed), args.sessions, SEED), Encoder(args.encoder))
    rows = []
    for method in ("emc-gaze", "ridge on raw points", "middle of the calibration"):
        for kind in ("still", "moving"):
            cells = [found.get(f"{method}, {looks} looks, {kind}") for looks in LOOKS]
            rows.append((method, kind, *(None if c is None else f"{c['mean']:.2f}" for c in cells)))
    result = Result(
        name="gaze-systems", title="Gaze networks on drawn heads and simulated sessions",
        command="python benchmarks/gaze_systems.py --residuals landmark-gaze-residuals.npz "
        f"--placed emc-gaze-residuals.npz --minutes {args.minutes:g} --people {args.people} "
        f"--sessions {args.sessions} --write",
        tables=(
            *(regressor_tables(regress, shuffled, args.people) if regress else ()),
            Table(
                "Sessions: mean degrees on later looks, by number of calibration looks",
                ("method", "head", *(str(k) for k in LOOKS)), tuple(rows),
            ),
        ),
        numbers={"regressors": regress, "shuffled": shuffled, "sessions": found},
        notes=(
            *((f"{args.minutes:g} CPU minutes a network, one seed: tenths mean nothing.",) if regress else ()),
            f"{args.sessions} simulated sessions of other people than the encoder learned from.",
            "Errors of the landmarks are drawn from those measured on rendered heads; photos may be harder.",
        ),
        plots={"sessions": lambda figure: plot(found, figure)},
    )  # fmt: skip
    report(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
