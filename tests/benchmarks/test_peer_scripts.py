"""The peers' own scripts, with stand-ins for the libraries that live in environments of their own."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from conftest import CHECKOUT

PEERS = CHECKOUT / "benchmarks" / "peers"

MEDIAPIPE = """
class Image:
    def __init__(self, image_format, data):
        self.shape = data.shape
class ImageFormat:
    SRGB = 1
__version__ = "fake"
"""
VISION = """
import types
class BaseOptions:
    def __init__(self, model_asset_path):
        self.path = model_asset_path
class FaceLandmarkerOptions:
    def __init__(self, base_options, num_faces):
        self.base, self.num_faces = base_options, num_faces
class FaceLandmarker:
    @classmethod
    def create_from_options(cls, options):
        assert open(options.base.path).read() == "model" and options.num_faces > 1
        return cls()
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def detect(self, image):
        point = types.SimpleNamespace(x=0.5, y=0.25, z=0.1)
        return types.SimpleNamespace(face_landmarks=[[point] * 478])
vision = types.SimpleNamespace(FaceLandmarkerOptions=FaceLandmarkerOptions, FaceLandmarker=FaceLandmarker)
"""
DLIB = """
import types
__version__ = "fake"
def rectangle(x0, y0, x1, y1):
    return types.SimpleNamespace(left=lambda: x0, top=lambda: y0, right=lambda: x1, bottom=lambda: y1)
def get_frontal_face_detector():
    return types.SimpleNamespace(run=lambda image, up, adjust: ([rectangle(10, 5, 60, 55)], [0.7], [0]))
def shape_predictor(path):
    assert open(path).read() == "model"
    return lambda image, box: types.SimpleNamespace(parts=lambda: [types.SimpleNamespace(x=box.left(), y=20)] * 68)
"""


@pytest.fixture
def answer(tmp_path):
    """Run a peer's script on one 100 x 80 picture, with modules of one's own making, and give what it answers."""

    def run(script, modules, weights):
        for name, source in modules.items():
            path = tmp_path / "lib" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        (tmp_path / weights).write_text("model")
        Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
        job = {
            "task": "landmarks", "inputs": [str(tmp_path / "a.png")], "models": str(tmp_path),
            "options": {"weights": weights},
        }  # fmt: skip
        (tmp_path / "job.json").write_text(json.dumps(job))
        command = [sys.executable, str(PEERS / script), str(tmp_path / "job.json"), str(tmp_path / "answer.json")]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "lib")}
        subprocess.run(command, check=True, env=environment, capture_output=True)
        return json.loads((tmp_path / "answer.json").read_text())

    return run


def test_mediapipes_tasks_answer_in_pixels(answer):
    package = {"mediapipe": MEDIAPIPE, "mediapipe/tasks": "", "mediapipe/tasks/python": VISION}
    modules = {f"{name}/__init__.py": source for name, source in package.items()}
    found = answer("mediapipe_tasks.py", modules, "face_landmarker.task")
    (face,) = found["results"][0]["faces"]
    assert found["version"] == "mediapipe fake"
    assert len(face["points"]) == 478
    assert face["points"][0] == pytest.approx([50, 20, 10])


def test_dlib_answers_with_box_score_and_68_points(answer):
    (face,) = answer("dlib68.py", {"dlib.py": DLIB}, "points.dat")["results"][0]["faces"]
    assert (face["box"], face["score"]) == ([10, 5, 60, 55], 0.7)
    assert face["points"] == [[10, 20]] * 68
