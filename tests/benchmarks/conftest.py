"""A tiny data folder of coloured squares, and analysers that hand out its labels."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.core import Box

FACES = {"a.png": ("red", 150, 120, 90), "b.png": ("green", 170, 110, 70), "c.png": ("blue", 140, 130, 110)}


def square_box(face) -> Box:
    _, x, y, side = face
    return Box(round(x - side / 2), round(y - side / 2), round(x + side / 2) - 1, round(y + side / 2) - 1)


def square_points(face) -> np.ndarray:
    """The 68 points that `FakeLandmarker` puts on a square."""
    image = picture(face)
    detected = FakeDetector().detect(image)
    placed = FakeLandmarker().place_many([(image, detected[0])])[0].landmarks
    return placed.to("ibug68").points[:, :2]


def write_photos(folder: Path, table: Path, *, pose: bool = False) -> None:
    folder.mkdir(parents=True)
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
        rows.writerow(["file", *(["pitch", "yaw", "roll"] if pose else []), *names])
        for name, face in FACES.items():
            Image.fromarray(picture(face)).save(folder / name)
            inside = name if pose else f"{folder.name}/{name}"
            rows.writerow([inside, *([1.0, -2.0, 3.0] if pose else []), *square_points(face).ravel().tolist()])


@pytest.fixture
def bench_data(tmp_path: Path) -> Path:
    """landmarks68/ with val and train, pose/ and boxes/, three pictures each; one in photos/ and demographics/."""
    data = tmp_path / "data"
    for part in ("val", "train"):
        write_photos(data / "landmarks68" / part, data / "landmarks68" / f"{part}.csv")
    write_photos(data / "pose" / "aflw2000", data / "pose" / "aflw2000.csv", pose=True)
    for folder, name in (("photos", "a.png"), ("demographics", "b.webp")):
        (data / folder).mkdir()
        Image.fromarray(picture(FACES["a.png"])).save(data / folder / name, lossless=True)
    (data / "boxes").mkdir()
    with (data / "boxes" / "boxes.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "kind", "x0", "y0", "x1", "y1"])
        for name, face in FACES.items():
            Image.fromarray(picture(face)).save(data / "boxes" / name)
            rows.writerow([name, "face", *square_box(face).to_array().tolist()])
        rows.writerow(["a.png", "face", 10, 10, 20, 20])  # a face that nobody finds
    return data


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Analyzer and the detector see squares; no weights are described."""
    import nasion.detect
    import nasion.pipeline
    from nasion.pipeline.analyzer import Analyzer

    def analyzer(*, fast=False, accurate=False, landmarker="landmarker", **options):
        return Analyzer(detector=FakeDetector(), landmarker=FakeLandmarker(), **options)

    monkeypatch.setattr(nasion.pipeline, "Analyzer", analyzer)
    monkeypatch.setattr(nasion.detect, "FaceDetector", FakeDetector)
    for name in ("landmarks", "robustness", "dense", "detect", "video", "memory", "pose", "calibration"):
        monkeypatch.setattr(f"nasion.report.bench.{name}.describe_models", lambda *_: {})


@pytest.fixture
def fake_peer(tmp_path: Path, bench_data: Path) -> Path:
    """A peers folder with ``shifted``, which answers with the labels moved right by a tenth of the eye distance, misses
    c.png, and boxes the upper half of every face."""
    folder = tmp_path / "peers"
    folder.mkdir()
    labels = {name: square_points(face) for name, face in FACES.items()}
    moved = {name: (p + 0.1 * np.linalg.norm(p[45] - p[36]) * np.array([1, 0])).tolist() for name, p in labels.items()}
    half = {n: [b.x0, b.y0, b.x1, b.y0 + b.height / 2] for n, b in ((n, square_box(f)) for n, f in FACES.items())}
    (folder / "shifted.py").write_text(
        "import json, sys\nfrom pathlib import Path\n"
        f"points, boxes = {json.dumps(moved)}, {json.dumps(half)}\n"
        "job = json.loads(Path(sys.argv[1]).read_text())\n"
        "def one(path):\n"
        "    if job['task'] == 'video':\n"
        "        return {'frames': 20, 'with_face': 20, 'seconds': 1.0}\n"
        "    name = Path(path).name\n"
        "    face = {'box': boxes[name], 'score': 0.9}\n"
        "    if job['task'] == 'landmarks':\n"
        "        face = {'points': points[name]}\n"
        "    lost = job['task'] == 'landmarks' and name == 'c.png'\n"
        "    return {'ms': 7.0, 'faces': [] if lost else [face]}\n"
        "answer = {'version': '1', 'results': [one(path) for path in job['inputs']]}\n"
        "Path(sys.argv[2]).write_text(json.dumps(answer))\n"
    )
    (folder / "broken.py").write_text("raise SystemExit('no weights here')\n")
    (folder / "peers.toml").write_text(
        "[shifted]\nlabel = 'Shifted'\nscript = 'shifted.py'\nbenchmarks = ['landmarks', 'detect', 'video']\n"
        "layout = 'ibug68'\n"
        "[broken]\nlabel = 'Broken'\nscript = 'broken.py'\nbenchmarks = ['video']\n"
    )
    return folder
