"""The studio's engine, run by Node in wasm, against Python: points, pose, lids, blinks, gaze, ids.

The comparisons themselves stand in ``web/test/engine``; what Python says was written by
``benchmarks/studio_fixture.py``.
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nasion.core import scheme
from nasion.models import catalogue
from nasion.pose.head_pose import RIGID

WEB = Path(__file__).resolve().parents[2] / "web"
RENEW = "run python benchmarks/studio_fixture.py, then npm test in web/"


def test_the_fixture_was_written_with_the_embedded_models() -> None:
    told = json.loads((WEB / "test/engine/fixture.json").read_text())
    now = {name: catalogue()[name].sha256 for name in told["models"]}
    assert told["models"] == now, f"a model is newer than what the studio's engine is compared with: {RENEW}"


def test_the_engine_has_the_mean_face_of_the_package() -> None:
    text = (WEB / "src/engine/meanFace.ts").read_text()
    index, places = (
        [float(value) for value in part.split("]")[0].replace("\n", " ").split(",") if value.strip()]
        for part in text.split("= [")[1:]
    )
    template = scheme("dense478").template
    assert template is not None
    assert index == list(RIGID), RENEW
    np.testing.assert_allclose(np.reshape(places, (-1, 3)), template[list(RIGID)], rtol=1e-5, atol=1e-6, err_msg=RENEW)


def test_the_engine_says_what_python_says() -> None:
    node, runner = shutil.which("node"), WEB / "node_modules/vitest/vitest.mjs"
    if node is None:
        pytest.skip("Node absent: the studio's engine is TypeScript; install Node 20.19 or newer to compare it")
    if not runner.exists():
        pytest.skip("web/node_modules absent: run npm ci in web/ to compare the studio's engine with Python")
    done = subprocess.run(
        [node, str(runner), "run", "test/engine"], cwd=WEB, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
