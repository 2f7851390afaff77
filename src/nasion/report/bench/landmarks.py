"""Landmark accuracy on the 90 HELEN test photos, each system with the boxes it finds itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray
from nasion.metrics import FAILURE, cumulative_error_curve, nme
from nasion.report.bench.data import helen
from nasion.report.bench.defaults import PEERS_FOLDER
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import find_peers, split_by_weights
from nasion.report.bench.placing import OURS, learn_map, not_measured, notes_on_peers, place_ours, place_peer
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import INNER, MATCH, Placed, paired_difference, percent, score, signed_percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS: dict[str, dict[str, Any]] = {
    OURS: {},
    f"{OURS} --fast": {"fast": True},
    f"{OURS} --accurate": {"accurate": True},
}
_ERRORS = ("system", "missed", "NME %", "95 %", "median", "inner 51", "worst", "> 8 %", "AUC 8 %", "nasion minus it")
_TIMES = ("system", "ms/photo", "over ours", "NME % where all found")


def bench_landmarks(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Place 68 points on every annotated face and compare with the human labels.

    Args:
        data: the data folder.
        peers: systems to measure beside us, by name, or ``["all"]``.
        peers_folder: where their scripts are.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    photos = helen(data)[:limit]
    truth = np.stack([photo.points for photo in photos])
    systems = []
    for label, options in WAYS.items():
        analyzer = Analyzer(tasks=("landmarks",), scheme="ibug68", **options)
        for photo in photos[:3]:  # the first runs are slower
            analyzer(read_image(photo.path))
        systems.append(place_ours(analyzer, photos, label))
    ready, absent = split_by_weights(find_peers(peers, "landmarks", peers_folder), data)
    for peer in ready:
        systems += place_peer(peer, photos, data, learn_map(peer, data) if limit is None else None)
    everywhere = np.stack([np.isfinite(s.points).any(axis=(1, 2)) for s in systems]).all(axis=0)
    common = np.flatnonzero(everywhere).tolist()
    scores = {s.label: score(s, truth, common) for s in systems}
    for other in systems[1:]:
        scores[other.label]["nasion_minus_it"] = paired_difference(systems[0], other, truth)
    groups = _groups(systems[0], truth)
    errors = nme(systems[0].points, truth)
    names = np.array([photo.path.name for photo in photos])
    missed, failed = names[np.isinf(errors)].tolist(), names[np.isfinite(errors) & (errors > FAILURE)].tolist()
    return Result(
        name="landmarks",
        title=f"68 landmarks on {len(photos)} HELEN test photos, own boxes",
        command=command_line("landmarks", peers, limit),
        tables=(
            Table(
                "Error over the inter-ocular distance",
                _ERRORS,
                tuple(_errors(k, v) for k, v in scores.items()) + not_measured(absent, len(_ERRORS)),
            ),
            Table("Time", _TIMES, tuple(_times(k, v, scores[OURS]) for k, v in scores.items())),
            Table("nasion by group", ("group", "NME %"), tuple((k, percent(v)) for k, v in groups.items())),
        ),
        numbers={
            "systems": scores,
            "groups": groups,
            "missed_files": missed,
            "failed_files": failed,
            "not_measured": {peer.label: list(peer.weights) for peer in absent},
            "photos": names.tolist(),
            "models": describe_models("detector", "landmarker", "landmarker_fast"),
        },
        notes=(
            f"The annotated face is the one whose box overlaps that of the annotated points best, by {MATCH} or more.",
            "Means are over found faces; failures and AUC count a missed face as infinitely wrong.",
            "Divided by the distance between the outer eye corners. Time: one photo at a time, decoding left out.",
            "Nasion minus it: mean difference on the faces both found, points of a per cent, with its 95 % interval.",
            *notes_on_peers(scores, absent),
            *((f"Missed by nasion: {', '.join(missed)}.",) if missed else ()),
            *((f"Above 8 % by nasion: {', '.join(failed)}.",) if failed else ()),
        ),
        plots={"ced": lambda figure: _draw_curves(figure, scores)},
    )


def _groups(ours: Placed, truth: FloatArray) -> dict[str, float]:
    from nasion.core import scheme
    from nasion.metrics import nme_by_group

    seen = np.isfinite(ours.points[:, 0, 0])
    if not seen.any():
        return {}
    groups = {"inner 51": tuple(INNER), **scheme("ibug68").groups}
    errors = nme_by_group(ours.points[seen], truth[seen], groups)
    return {name: float(values.mean()) for name, values in errors.items()}


def _errors(label: str, s: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    interval = s.get("nme_mean_95")
    return (
        label,
        s["missed"],
        percent(s.get("nme_mean")),
        "-".join(f"{100 * v:.2f}" for v in interval) if interval else None,
        percent(s.get("nme_median")),
        percent(s.get("nme_inner51")),
        percent(s.get("nme_worst")),
        s.get("failures_8", s["faces"]),
        f"{s['auc_8']:.3f}",
        signed_percent(s.get("nasion_minus_it")),
    )


def _times(label: str, s: dict[str, Any], ours: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    ms = s["ms_per_photo_median"]
    return label, f"{ms:.1f}", f"{ms / ours['ms_per_photo_median']:.2f}", percent(s.get("nme_mean_common"))


def _draw_curves(figure: Figure, scores: dict[str, dict[str, Any]]) -> None:
    axes = figure.subplots()
    for label, s in scores.items():
        errors = np.array([np.inf if v is None else v for v in s.get("nme_per_face", [None])])
        x, y = cumulative_error_curve(errors)
        axes.plot(100 * x, 100 * y, label=f"{label} (AUC {s['auc_8']:.3f})", linewidth=2.5 if label == OURS else 1.3)
    axes.set(xlabel="error, % of the inter-ocular distance", ylabel="% of faces with at most this error")
    axes.set(xlim=(0, 8), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
