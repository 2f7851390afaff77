"""How many sigmas hold the true point: the calibration that ``Landmarks.region`` ships with.

    python -m training.regions --model HELD.onnx --teacher DENSE_0.npz DENSE_1.npz --out src/nasion/core/regions.npz

Runs the whole path (detector, landmarker, two passes) on the HELEN training photos of the people that the landmarker's
training keeps out (crc32 of the name a multiple of 5, see ``landmarker/faces.py``), with an export of the network from
before it had seen them. The 68 points are compared with the human labels, the 478 with the teacher's
(``teachers/mediapipe_dense.py``). Kept are error over sigma, sorted for each point; and, from the same photos with a
piece of another one pasted over 30 % of the face, those of the points said to be hidden, all points together. Run it
anew with every new landmarker: the figures belong to weights.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ImageArray, Landmarks
from nasion.core.regions import DOUBT
from nasion.media import read_image
from nasion.pipeline import Analyzer
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.scoring import Found, annotated_face
from training.landmarker.prepare import MAX_SPREAD

SHARE, SEED = 0.3, 7
KEPT = 1999  # ratios of hidden points: more would say no more
EYES = ((33, 263), (36, 45))  # outer corners in the 478 and in the 68


def held_out(data: Path) -> list[FacePhoto]:
    """The photos of the people that training keeps out."""
    return [p for p in helen(data, "train") if zlib.crc32(f"landmarks68/train/{p.path.name}".encode()) % 5 == 0]


def teacher_points(files: Sequence[Path], photos: Sequence[FacePhoto]) -> dict[str, FloatArray]:
    """(478, 2) px by photo name, where the teacher was sure and looked at the labelled face."""
    labels = {photo.path.name: photo.points for photo in photos}
    found = {}
    for file in files:
        held = np.load(file)
        for path, points, spread in zip(held["path"], held["points"], held["spread"], strict=True):
            name = path.rsplit("/", 1)[-1]
            if "landmarks68/train/" not in path or name not in labels or spread > MAX_SPREAD:
                continue
            dense, sparse = points[list(EYES[0]), :2], labels[name][list(EYES[1])]
            if np.linalg.norm(dense - sparse, axis=1).mean() <= 0.2 * np.linalg.norm(sparse[0] - sparse[1]):
                found[name] = points[:, :2]
    return found


def place(analyzer: Analyzer, image: ImageArray, photo: FacePhoto) -> Landmarks | None:
    """The landmarks of the annotated face; None where it was missed."""
    faces = analyzer(image)
    chosen = annotated_face([Found(face.box, np.asarray(i)) for i, face in enumerate(faces)], photo.points)
    return None if chosen is None else faces[int(chosen.points)].landmarks


def ratios(landmarks: Landmarks, truth: FloatArray) -> FloatArray:
    """(N,) error over sigma."""
    return np.linalg.norm(landmarks.points[:, :2] - truth, axis=1) / landmarks.sigma


def thinned(values: FloatArray, most: int = KEPT) -> FloatArray:
    """Sorted values, at most so many; of each run the largest, so that no quantile becomes smaller."""
    step = -(-len(values) // most)
    return np.sort(values)[::-1][::step][::-1]


def upward(values: FloatArray) -> FloatArray:
    """As float16, never below the value."""
    small = values.astype(np.float16)
    return np.where(small < values, np.nextafter(small, np.float16(np.inf)), small)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="an export that has not seen the held-out people")
    parser.add_argument("--teacher", nargs="+", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photos = held_out(args.data)
    teacher = teacher_points(args.teacher, photos)
    analyzer = Analyzer(tasks=("landmarks",), landmarker=args.model)
    plain: dict[str, list[FloatArray]] = {"ibug68": [], "dense478": []}
    hidden: dict[str, list[FloatArray]] = {"ibug68": [], "dense478": []}
    rng, before = np.random.default_rng(SEED), read_image(photos[-1].path)
    for photo in photos:
        image = read_image(photo.path)
        covered, _ = hide_part(image, photo.points, before, rng, SHARE)
        before = image
        truths = {"ibug68": photo.points, "dense478": teacher.get(photo.path.name)}
        for picture, covers in ((image, False), (covered, True)):
            landmarks = place(analyzer, picture, photo)
            for name, truth in truths.items():
                if landmarks is None or truth is None:
                    continue
                view = landmarks.to(name)
                ratio = ratios(view, truth)
                if covers:
                    hidden[name].append(ratio[view.visibility < DOUBT])
                else:
                    plain[name].append(ratio)
    tables = {}
    for name, faces in plain.items():
        tables[name] = upward(np.sort(np.stack(faces), axis=0))
        tables[f"{name}/hidden"] = upward(thinned(np.concatenate(hidden[name])))
        print(f"{name}: {len(faces)} faces, {sum(map(len, hidden[name]))} points said to be hidden")
    network = sha256(args.model.read_bytes()).hexdigest()[:12]
    source = (
        f"embedded landmarker before it saw the held-out people (sha256 {network}); {len(photos)} held-out HELEN "
        "training photos; 68 points against human labels, 478 against MediaPipe 0.10.21"
    )
    np.savez_compressed(args.out, source=np.array(source), **tables)
    print(f"{args.out}: {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
