"""The audit audited: does it find planted gaps and no others, and what does consistency say about accuracy?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasion.audit.consistency import Consistency, LandmarkConsistency
from nasion.audit.design import Design
from nasion.audit.gaps import Ratio, factor_gaps, overlap_ratio
from nasion.audit.shares import variance_shares
from nasion.audit.simulate import World, simulate
from nasion.core import Face
from nasion.metrics import nme, spearman
from nasion.report.bench.data import helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face

RUNS, FEWER_RUNS = 500, 200
MARGIN, SIGNIFICANT = 0.05, 0.05
NULL = World()  # race goes with height (correlation 0.4) and has no effect of its own
PLANTED = World(effect=1.17)  # the ratio of the paper's 2.40 and 2.05
U_SHAPED = World(confounded=0.0, yaw_effect=0.6, yaw_spread=2.0)
REFERENCES = {"age": "young", "race": "a"}
MEASURES = ("mirror", "jitter", "heads", "sigma")


def bench_audit(data: Path, limit: int | None = None) -> Result:
    """Simulations with a known answer, and consistency against human points on the 90 HELEN photos.

    Args:
        data: the data folder.
        limit: only so many runs and photos, for a quick look; not a figure to quote.
    """
    runs, fewer = (min(n, limit or n) for n in (RUNS, FEWER_RUNS))
    rejected = {
        "raw": _rate(NULL, runs, lambda w, s: _gap(w, s, ()).p),
        "controlled": _rate(NULL, runs, lambda w, s: _gap(w, s).p),
        "straight lines": _rate(U_SHAPED, fewer, lambda w, s: _gap(w, s, splines=False).p),
        "splines": _rate(U_SHAPED, fewer, lambda w, s: _gap(w, s).p),
    }
    planted = [_gap(PLANTED, seed, attribute="age").ratios["old"] for seed in range(fewer)]
    agree = float(np.mean([_agree(seed) for seed in range(fewer)]))
    share = [_height_share(seed) for seed in range(fewer // 2)]
    real = _consistency(data, limit)
    found = {
        "ratio": float(np.mean([r.value for r in planted])),
        "ratio_sd": float(np.std([r.value for r in planted])),
        "power": float(np.mean([r.p < SIGNIFICANT for r in planted])),
        "interval_holds": float(np.mean([r.low <= PLANTED.effect <= r.high for r in planted])),
    }
    return Result(
        name="audit",
        title="The audit's own errors, and what consistency says about accuracy",
        command=command_line("audit", (), limit),
        tables=(
            Table(
                "Simulated audits of 2000 faces: how often a gap is called that is not there",
                ("world", "analysis", "called", "runs"),
                (
                    ("group goes with face size", "raw", f"{rejected['raw']:.1%}", runs),
                    ("group goes with face size", "controlled", f"{rejected['controlled']:.1%}", runs),
                    (
                        "group turns more, error grows as a U",
                        "straight lines",
                        f"{rejected['straight lines']:.1%}",
                        fewer,
                    ),
                    ("group turns more, error grows as a U", "splines", f"{rejected['splines']:.1%}", fewer),
                ),
            ),
            Table(
                f"A planted ratio of {PLANTED.effect:g}",
                ("figure", "value"),
                (
                    ("found ratio, mean and spread", f"{found['ratio']:.3f} +- {found['ratio_sd']:.3f}"),
                    ("found significant", f"{found['power']:.1%}"),
                    ("95 % interval holds it", f"{found['interval_holds']:.1%}"),
                    ("two estimators agree within their intervals", f"{agree:.1%}"),
                    ("share of height, planted 0.29", f"{np.mean(share):.3f} +- {np.std(share):.3f}"),
                ),
            ),
            Table(
                f"Rank correlation with the true error on {real['faces']} HELEN photos with human points",
                ("measure", "Spearman", "mean, per cent of the face's size"),
                tuple((m, f"{real['spearman'][m]:.2f}", f"{100 * real['mean'][m]:.2f}") for m in MEASURES),
            ),
        ),
        numbers={
            "rejected": rejected,
            "planted": found,
            "estimators_agree": agree,
            "height_share": float(np.mean(share)),
            "consistency": real,
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            f"True error on those photos: {100 * real['nme']:.2f} % of the face's size.",
            "Consistency is not accuracy: the correlation says how far one stands for the other.",
        ),
    )


def _design(world: World, seed: int, controls: tuple[str, ...], splines: bool) -> tuple[Design, Any]:
    table = simulate(world, seed)
    held = {name: table.confounders[name] for name in controls}
    return Design.of(table.attributes, held, REFERENCES, splines=splines), np.log(table.outcomes["nme"])


def _gap(
    world: World,
    seed: int,
    controls: tuple[str, ...] = ("height", "yaw"),
    *,
    splines: bool = True,
    attribute: str = "race",
) -> Any:
    return factor_gaps(*_design(world, seed, controls, splines), attribute, MARGIN)


def _rate(world: World, runs: int, p: Callable[[World, int], float]) -> float:
    return float(np.mean([p(world, seed) < SIGNIFICANT for seed in range(runs)]))


def _agree(seed: int) -> bool:
    """Whether the two estimates of one gap lie in each other's interval."""
    design, y = _design(NULL, seed, ("height", "yaw"), True)
    a = factor_gaps(design, y, "race", MARGIN).ratios["b"]
    b, _ = overlap_ratio(design, y, "race", "b", MARGIN)
    return _holds(a, b) and _holds(b, a)


def _holds(a: Ratio, b: Ratio) -> bool:
    return a.low <= b.value <= a.high


def _height_share(seed: int) -> float:
    design, y = _design(World(confounded=0.0), seed, ("height", "yaw"), True)
    return variance_shares(design, y).shapley["height"]


def _consistency(data: Path, limit: int | None) -> dict[str, Any]:
    from nasion.landmark import Landmarker
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    landmarker = Landmarker()
    analyzer = Analyzer(("landmarks", LandmarkConsistency(landmarker)), scheme="ibug68", landmarker=landmarker)
    measured: list[tuple[Consistency, float]] = []
    photos = helen(data)[:limit]
    for photo in progress(photos, "audit: HELEN", len(photos)):
        faces: list[Face] = analyzer(read_image(photo.path))
        chosen = annotated_face([Found(face.box, np.asarray(i)) for i, face in enumerate(faces)], photo.points)
        if chosen is None:
            continue
        face = faces[int(chosen.points)]
        reading = face.readings["consistency"]
        assert isinstance(reading, Consistency)
        measured.append((reading, float(nme(face.landmarks.points[None, :, :2], photo.points[None], "box")[0])))
    errors = np.array([error for _, error in measured])
    values = {name: np.array([getattr(reading, name) for reading, _ in measured]) for name in MEASURES}
    return {
        "faces": len(measured),
        "nme": float(errors.mean()),
        "spearman": {name: float(spearman(v, errors)) for name, v in values.items()},
        "mean": {name: float(v.mean()) for name, v in values.items()},
    }
