import numpy as np
import pytest

from nasion.core import Box, InputError, scheme
from nasion.report.bench.dense import HELEN, HUMAN, _gap, _labelled, _pairs, _parts, bench_dense
from nasion.report.bench.result import write

SHIFT = 0.02


@pytest.fixture
def mesh_peer(tmp_path):
    """A peer that sees the squares as the fake landmarker does, its points moved right by 2 % of the eye distance."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    template = scheme("dense478").template
    np.save(folder / "mesh.npy", template)
    (folder / "mesh.py").write_text(
        "import json, sys\nfrom pathlib import Path\nimport numpy as np\nfrom PIL import Image\n"
        "mean = np.load(Path(__file__).with_name('mesh.npy'))\n"
        "low, high = mean.min(axis=0), mean.max(axis=0)\n"
        "def one(path):\n"
        "    image = np.asarray(Image.open(path).convert('RGB')).astype(int)\n"
        "    rows, columns = np.nonzero(image.max(axis=2) - image.min(axis=2) > 80)\n"
        "    box = columns.min(), rows.min(), columns.max(), rows.max()\n"
        "    scale = np.array([box[2] - box[0], box[3] - box[1], box[2] - box[0]]) / (high - low)\n"
        "    points = (mean - low) * scale + (box[0], box[1], 0)\n"
        f"    points[:, 0] += {SHIFT} * np.linalg.norm(points[33, :2] - points[263, :2])\n"
        "    return {'ms': 1.0, 'faces': [{'points': points.tolist()}]}\n"
        "job = json.loads(Path(sys.argv[1]).read_text())\n"
        "Path(sys.argv[2]).write_text(json.dumps({'version': '1', 'results': [one(p) for p in job['inputs']]}))\n"
    )
    row = "label = 'Mesh'\nscript = 'mesh.py'\nbenchmarks = ['landmarks']\nlayout = 'dense478'\n"
    (folder / "peers.toml").write_text(f"[mesh]\n{row}[heavy]\n{row}weights = ['big.task']\n")
    return folder


@pytest.mark.usefixtures("fake_models")
def test_the_distance_is_over_the_eye_distance_and_the_noise_is_the_peers_own(bench_data, mesh_peer, tmp_path):
    result = bench_dense(bench_data, ["mesh", "heavy"], mesh_peer)
    of_set = result.numbers["peers"]["Mesh"]
    assert {name: f["pictures"] for name, f in of_set.items()} == {
        HELEN: 3, HUMAN: 3, "AFLW2000": 3, "photos": 1, "audit portraits": 1, "all": 8,
    }  # fmt: skip
    assert of_set["all"]["faces"] == 8
    assert of_set["all"]["distance"] == pytest.approx(SHIFT, abs=1e-3)
    assert of_set["all"]["only_ours"] == of_set["all"]["only_theirs"] == 0
    # mirrored, the shift to the right becomes one to the left; the mean face is symmetric
    assert of_set["all"]["itself_mirrored"] == pytest.approx(2 * SHIFT, abs=5e-3)
    assert of_set["all"]["to_mean_of_views"] == pytest.approx(0, abs=5e-3)
    assert of_set["all"]["faces_it_agrees_on"] == 8
    assert of_set["all"]["distance_where_it_agrees"] == pytest.approx(SHIFT, abs=1e-3)
    assert result.numbers["not_measured"] == {"Mesh": ["big.task"]}
    assert len(write(result, tmp_path)) == 3


@pytest.mark.usefixtures("fake_models")
def test_a_peer_that_contradicts_itself_says_nothing(bench_data, mesh_peer, monkeypatch):
    monkeypatch.setattr("nasion.report.bench.dense.AGREES", 1.5 * SHIFT)  # its two answers lie 2 * SHIFT apart
    figures = bench_dense(bench_data, ["mesh"], mesh_peer).numbers["peers"]["Mesh"]["all"]
    assert (figures["faces"], figures["faces_it_agrees_on"], figures["distance_where_it_agrees"]) == (8, 0, None)


@pytest.mark.usefixtures("fake_models")
def test_a_peer_without_a_mesh_is_no_measure(bench_data, fake_peer):
    with pytest.raises(InputError, match="478"):
        bench_dense(bench_data, ["shifted"], fake_peer)


def test_meshes_pair_once_and_only_where_they_overlap():
    mesh = np.random.default_rng(0).uniform(0, 50, (478, 2))
    near, far = mesh + 2, mesh + 500
    pairs = _pairs([far, mesh], [near, mesh + 4])
    assert len(pairs) == 1
    assert pairs[0][0] is not far
    assert pairs[0][1] is near


def test_a_face_that_nobody_labelled_does_not_count():
    mesh = np.random.default_rng(0).uniform(0, 50, (478, 2))
    logo = mesh + 500
    assert [found[0] is mesh for found in _labelled([[logo, mesh]], [Box.around(mesh)])] == [True]
    assert _labelled([[logo], []], [Box.around(mesh)] * 2) == [[], []]


def test_the_gap_of_each_point():
    theirs = np.zeros((478, 2))
    theirs[263] = (200, 0)
    ours = theirs.copy()
    ours[7] += (0, 10)
    gap = _gap(ours, theirs)
    assert gap[7] == pytest.approx(0.05)
    assert gap.sum() == pytest.approx(0.05)


def test_the_parts_leave_no_point_out():
    parts = _parts()
    assert set(np.concatenate(list(parts.values())).tolist()) == set(range(478))
    assert len(parts["irises"]) == 10
