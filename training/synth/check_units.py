"""Compare the hand-built action units with how real faces differ between labelled expressions.

The mean face of each class of the web crops, laid on bone, minus the mean neutral face; beside it the same expression
as the model makes it from action units (EMFACS's recipes). Labels are noisy and lids are left out.

    python -m training.synth.check_units LABELS.csv DENSE.npz [DENSE.npz ...]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, scheme
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters
from training.synth import shape as shapes

RECIPES = {  # Friesen and Ekman, "EMFACS-7", 1983
    "happiness": {6: 0.6, 12: 0.8, 25: 0.8},
    "surprise": {1: 0.8, 2: 0.8, 5: 0.6, 26: 1.0},
    "anger": {4: 0.8, 5: 0.3, 7: 0.6, 23: 0.6, 25: 0.5},
    "sadness": {1: 0.6, 4: 0.5, 15: 0.7},
    "disgust": {9: 0.8, 10: 0.5, 25: 0.3},
    "fear": {1: 0.7, 2: 0.5, 4: 0.5, 5: 0.7, 20: 0.6, 25: 0.6},
}
FRONTAL = 25.0  # degrees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("labels", type=Path, nargs="+")
    args = parser.parse_args()
    faces = shapes.read(args.labels)
    with args.table.open(newline="") as stream:
        kinds = {row["file"]: row["expression"] for row in csv.DictReader(stream)}
    kind = np.array([kinds.get(Path(str(f)).name, "") if "/expression/" in str(f) else "" for f in faces.files])
    kind[np.abs(faces.angles[:, :2]).max(1) > FRONTAL] = ""
    flip = scheme("dense478").flip[:468]
    skin = np.setdiff1d(np.arange(468), [i for s in ("left", "right") for i in scheme("dense478").index(f"{s}_eye")])

    def mean(name: str) -> FloatArray:
        face = faces.points[kind == name].mean(0)
        return np.asarray((face + face[flip] * (-1, 1, 1)) / 2)

    model = HeadModel.load()
    rest, neutral = model.shape(HeadParameters()).vertices[:468].astype(float), mean("neutral")
    print("expression   faces   real mm (rms)   ours mm (rms)   cosine of the displacements (x, y)")
    for name, units in RECIPES.items():
        if (kind == name).sum() < 20:
            continue
        real = (mean(name) - neutral)[skin, :2]
        ours = (model.shape(HeadParameters(expression=units)).vertices[:468].astype(float) - rest)[skin, :2]
        cosine = (real * ours).sum() / (np.linalg.norm(real) * np.linalg.norm(ours))
        sizes = [np.sqrt((d**2).sum(1).mean()) for d in (real, ours)]
        print(f"{name:12} {(kind == name).sum():5} {sizes[0]:12.2f} {sizes[1]:15.2f} {cosine:18.2f}")


if __name__ == "__main__":
    main()
