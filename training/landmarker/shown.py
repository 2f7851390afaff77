"""Where the teacher puts the 478 points when it is shown a picture as its users show it.

    python training/teachers/mediapipe_dense.py LIST.txt SHOWN.npz --paddings 0
    python -m training.landmarker.shown SHOWN.npz

The network learns from a mean over two paddings, which is calmer (``prepare``). A face's outline depends on how much
air the teacher sees around it, so in the end ``readout`` brings the points to the answers that people get. Writes
``shown.npy``, (N, 478, 2) view units of the cached crops; NaN where the teacher found nothing, was unsure or looked at
another face.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nasion.report.bench.dense import OUTER_CORNERS
from training.landmarker.prepare import MAX_SPREAD, WORK

SAME = 0.1  # of the outer-eye distance between its two answers, up to which they are about one face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    args = parser.parse_args()
    held, labels = np.load(args.answers), np.load(WORK / "labels.npz")
    known = {
        "/".join(Path(path).parts[-3:]): points[:, :2]
        for path, points, spread in zip(held["path"], held["points"], held["spread"], strict=True)
        if spread <= MAX_SPREAD
    }
    shown = np.full((len(labels["source"]), 478, 2), np.nan, np.float32)
    for i, (source, matrix) in enumerate(zip(labels["source"], labels["matrix"], strict=True)):
        if labels["has_dense"][i] and source in known:
            shown[i] = known[source] @ matrix[:, :2].T + matrix[:, 2]
    before = labels["dense"][..., :2]
    right, left = (before[:, corner] for corner in OUTER_CORNERS)
    apart = np.linalg.norm(shown - before, axis=2).mean(1) / np.linalg.norm(left - right, axis=1)
    kept = apart <= SAME
    shown[~kept] = np.nan
    print(
        f"{kept.sum()} of {len(kept)} faces, {100 * apart[kept].mean():.2f} % of the outer-eye distance off the labels"
    )
    np.save(WORK / "shown.npy", shown)


if __name__ == "__main__":
    main()
