"""How many sigmas hold the true point: the calibration that ``Landmarks.region`` ships with.

    python -m training.regions --model HELD.onnx --teacher SHOWN.npz --out src/nasion/core/regions.npz
        [--shipped src/nasion/models/weights/landmarker.onnx]

Runs the whole path (detector, landmarker, two passes) on the HELEN training photos of the people that the landmarker's
training keeps out (crc32 of the name a multiple of 5, see ``landmarker/faces.py``), with an export of the network from
before it had seen them. The 68 points are compared with the human labels, the 478 with the teacher's
on the photos as they are (``teachers/mediapipe_dense.py --paddings 0``). Kept are error over sigma, sorted for each
point; and, from the same photos with a piece of another one pasted over 30 % of the face, those of the points said to
be hidden, all points together. Run it anew with every new landmarker: the figures belong to weights.

The shipped network learned on after that, held-out people included, and grew surer of itself: on pictures that neither
has seen its sigmas are smaller. Whether its errors are, too, nobody can tell without labels. So each point's ratios are
stretched by how much smaller its sigmas became there; the circles are as large as those of the network from before.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ImageArray, Landmarks
from nasion.core.regions import DOUBT, dependence
from nasion.media import read_image
from nasion.media.sources import IMAGE_EXTENSIONS
from nasion.pipeline import Analyzer
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.scoring import Found, annotated_face
from training.detector.prepare import read_boxes, split
from training.landmarker.prepare import MAX_SPREAD

SHARE, SEED = 0.3, 7
SMALLEST = 50.0  # px: faces without labels that are narrower do not count
SURE = 0.9  # median visibility of a face in full view
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


def stretch(held: Analyzer, shipped: Analyzer, pictures: Iterable[ImageArray]) -> tuple[dict[str, FloatArray], int]:
    """How much larger the first landmarker's sigmas are on faces in full view that neither has seen.

    Returns:
        For each layout (N,) geometric mean over the faces; how many faces.
    """
    logs: dict[str, list[FloatArray]] = {"ibug68": [], "dense478": []}
    for image in pictures:
        others = [face.landmarks for face in held(image)]
        for face in shipped(image):
            own = face.landmarks
            if own.box.width < SMALLEST or np.median(own.visibility) < SURE:
                continue
            apart = [np.hypot(*np.subtract(own.box.center, other.box.center)) for other in others]
            if not apart or min(apart) > 0.2 * own.box.width:
                continue
            same = others[int(np.argmin(apart))]
            for name, rows in logs.items():
                rows.append(np.log(same.to(name).sigma / own.to(name).sigma))
    return {name: np.exp(np.mean(rows, axis=0)) for name, rows in logs.items()}, len(logs["ibug68"])


def strangers(data: Path) -> Iterator[ImageArray]:
    """Pictures that no landmarker was trained on: the demo photos, and the street photos that training keeps out."""
    kept_out = split(list(read_boxes(data / "boxes" / "boxes.csv")))[1]
    for path in [*sorted((data / "photos").iterdir()), *(data / "boxes" / name for name in kept_out)]:
        if path.suffix.lower() in IMAGE_EXTENSIONS:
            yield read_image(path)


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
    parser.add_argument("--shipped", type=Path, help="the export in the package, if it learned on after that")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photos = held_out(args.data)
    teacher = teacher_points(args.teacher, photos)
    analyzer = Analyzer(tasks=("landmarks",), landmarker=args.model)
    wider: dict[str, FloatArray] = {"ibug68": np.ones(68), "dense478": np.ones(478)}
    words = ""
    if args.shipped:
        wider, count = stretch(analyzer, Analyzer(tasks=("landmarks",), landmarker=args.shipped), strangers(args.data))
        words = f"; sigmas as on {count} faces that no network saw"
        print(", ".join(f"{name}: sigmas x {np.exp(np.log(by).mean()):.3f}" for name, by in wider.items()))
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
                ratio = ratios(view, truth) * wider[name]
                if covers:
                    hidden[name].append(ratio[view.visibility < DOUBT])
                else:
                    plain[name].append(ratio)
    tables = {}
    for name, faces in plain.items():
        ratio = np.stack(faces)
        tables[name] = upward(np.sort(ratio, axis=0))
        tables[f"{name}/hidden"] = upward(thinned(np.concatenate(hidden[name])))
        tables[f"{name}/dependence"] = np.array(dependence(ratio), np.float32)
        print(
            f"{name}: {len(faces)} faces, dependence {tables[f'{name}/dependence']:.3f}, "
            f"{sum(map(len, hidden[name]))} points said to be hidden"
        )
    network = sha256(args.model.read_bytes()).hexdigest()[:12]
    source = (
        f"embedded landmarker before it saw the held-out people (sha256 {network}); {len(photos)} held-out HELEN "
        f"training photos; 68 points against human labels, 478 against MediaPipe 0.10.21{words}"
    )
    np.savez_compressed(args.out, source=np.array(source), **tables)
    print(f"{args.out}: {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
