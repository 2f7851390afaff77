"""The truth closes the loop: what is claimed of a face can be measured again from its points and pixels."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from nasion.core import SCHEMES, FloatArray, IntArray, scheme
from nasion.core.convert import conversion_path
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import rotations_to_angles
from nasion.core.pose import line_of_sight
from nasion.synth.model import HeadModel
from nasion.synth.occluders import OCCLUDERS, Occluder, occluder_meshes
from nasion.synth.sampling import SceneOptions, sample_scene, synth_batch
from nasion.synth.scene import Sample, Scene, head_mesh, render_scene
from nasion.synth.surface import Region
from nasion.synth.truth import OCCLUDED, SELF_OCCLUDED, VISIBLE
from nasion.synth.truth_table import TRUTH_VERSION, truth_row, truth_schema, truth_table

WIDE = SceneOptions(yaw=(-75, 75), pitch=(-35, 35), roll=(-40, 40), size=(128, 128), expression="random", occlude=0.6)
LIDS = ((386, 374), (159, 145))  # middle of the upper and the lower lid, left and right
IRISES = (473, 468)


@pytest.fixture(scope="module")
def samples(model: HeadModel) -> list[Sample]:
    return list(synth_batch(16, 7, WIDE, model))


def degrees(a: FloatArray, b: FloatArray) -> float:
    cosine = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def test_pnp_on_the_true_points_gives_the_true_pose(samples: list[Sample]) -> None:
    for sample in samples:
        truth = sample.truth
        found = solve_pnp(truth.points3d, truth.points, truth.camera)
        angles = rotations_to_angles(line_of_sight(found.translation).T @ found.rotation)
        pose = truth.pose
        assert np.abs(angles - (pose.yaw, pose.pitch, pose.roll)).max() < 0.1
        np.testing.assert_allclose(found.translation, pose.translation, rtol=2e-3, atol=0.3)


def test_the_gaze_runs_from_the_eyes_centre_through_the_iris(samples: list[Sample]) -> None:
    for sample in samples:
        truth = sample.truth
        turn = truth.pose.camera_rotation
        for eye in (0, 1):
            line = truth.points3d[IRISES[eye]] - truth.eye_centres[eye]
            assert degrees(turn @ line, truth.gaze[eye]) < 0.1


def test_the_point_of_regard_lies_on_the_mean_line_of_sight_and_on_the_screen(samples: list[Sample]) -> None:
    for sample in samples:
        truth = sample.truth
        x, y = truth.point_of_regard
        start = (truth.eye_centres @ truth.pose.camera_rotation.T + truth.pose.translation).mean(0)
        if np.isnan(x):
            assert truth.gaze.mean(0)[2] >= -1e-6
        else:
            assert degrees(np.array([x, y, 0.0]) - start, truth.gaze.mean(0)) < 0.01


def test_lid_angles_can_be_read_from_the_points(samples: list[Sample]) -> None:
    for sample in samples:
        truth = sample.truth
        for eye in (0, 1):
            local = (truth.points3d[list(LIDS[eye])] - truth.eye_centres[eye]) @ truth.eye_axes[eye].T
            read = np.degrees(np.arctan2(local[:, 1], local[:, 2]))  # about the hinge, up from straight ahead
            assert np.abs(read - truth.lid_angles[eye]).max() < 0.1
            assert truth.lid_opening[eye] == pytest.approx(read[0] - read[1], abs=0.2)


def ray_cast(points: FloatArray, vertices: FloatArray, triangles: IntArray, own: IntArray | None) -> FloatArray:
    """(N,) mm, how far before each point along its ray from the camera the first triangle is met; 0 for none.

    Moeller and Trumbore, "Fast, Minimum Storage Ray/Triangle Intersection", 1997, in three dimensions.
    """
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    e1, e2 = b - a, c - a
    before = np.zeros(len(points))
    for number, point in enumerate(points):
        way = point / np.linalg.norm(point)
        p = np.cross(way, e2)
        det = (e1 * p).sum(1)
        usable = np.abs(det) > 1e-12
        inverse = 1 / np.where(usable, det, 1)
        u = -(a * p).sum(1) * inverse
        q = np.cross(-a, e1)
        v, t = (q @ way) * inverse, (e2 * q).sum(1) * inverse
        hit = usable & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        if own is not None:
            hit &= (triangles != own[number]).all(1)
        if hit.any():
            before[number] = max(0.0, point[2] - t[hit].min() * way[2])
    return before


@pytest.mark.parametrize("number", range(4))
def test_visibility_agrees_with_a_ray_cast_on_every_point(model: HeadModel, samples: list[Sample], number: int) -> None:
    sample = samples[number]
    scene, truth = sample.scene, sample.truth
    head = head_mesh(scene, model)
    before = ray_cast(truth.camera_points, head.vertices, head.triangles, np.arange(478))
    clear = np.abs(before - 0.4) > 0.005  # points on the edge of the margin may fall either way by rounding
    assert ((truth.visibility == SELF_OCCLUDED) == (before > 0.4))[clear].all()
    assert clear.mean() > 0.98
    things = np.zeros(478)
    rotation, translation = scene.pose.camera_rotation, np.array(scene.pose.translation)
    for occluder in scene.occluders:
        for mesh in occluder_meshes(occluder, truth.points3d, rotation, translation, np.ones(3)):
            if mesh.alpha >= 1:
                things = np.maximum(things, ray_cast(truth.camera_points, mesh.vertices, mesh.triangles, None))
    clear &= np.abs(things - 0.4) > 0.005
    assert ((truth.visibility == OCCLUDED) == ((before <= 0.4) & (things > 0.4)))[clear].all()


def test_visible_points_lie_on_what_the_pixels_see(samples: list[Sample]) -> None:
    for sample in samples:
        truth = sample.truth
        pixel = np.rint(truth.points).astype(int)
        inside = (pixel >= 1).all(1) & (pixel < 127).all(1) & (truth.visibility == VISIBLE)
        z = truth.camera_points[inside, 2]
        around = [
            sample.render.depth[pixel[inside, 1] + j, pixel[inside, 0] + i] for j in (-1, 0, 1) for i in (-1, 0, 1)
        ]
        apart = np.abs(np.stack(around) - z)
        if not sample.scene.occluders:
            assert (apart.min(0) < 4).mean() > 0.95  # a pixel is about 2 mm wide
        assert (np.stack(around).max(0) > z - 12).mean() > 0.98  # between thin strands of hair a point may be seen


def test_the_pose_changes_what_is_hidden(model: HeadModel) -> None:
    scene = sample_scene(np.random.default_rng(1), replace(WIDE, yaw=(0, 0), pitch=(0, 0), roll=(0, 0), occlude=0))
    frontal = render_scene(scene, model).truth
    turned = render_scene(replace(scene, pose=replace(scene.pose, yaw=70.0)), model).truth  # right side goes away
    right, left = list(scheme("dense478").groups["right_brow"]), list(scheme("dense478").groups["left_brow"])
    assert (frontal.visibility[right + left] == VISIBLE).all()
    assert (turned.visibility[right] == SELF_OCCLUDED).mean() > 0.4
    assert (turned.visibility[left] == VISIBLE).all()


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_mirrored_scenes_have_mirrored_truth_and_pixels(model: HeadModel, kind: str) -> None:
    rng = np.random.default_rng(list(OCCLUDERS).index(kind))
    scene = replace(sample_scene(rng, replace(WIDE, occlude=0, degrade=0)), occluders=(Occluder(kind, 3),))
    scene = replace(scene, look=replace(scene.look, noise=0.0))
    one, other = render_scene(scene, model), render_scene(scene.mirror(model), model)
    flipped = one.truth.flip()
    np.testing.assert_allclose(other.truth.points, flipped.points, atol=2e-3)
    np.testing.assert_allclose(other.truth.points3d, flipped.points3d, atol=2e-3)
    np.testing.assert_allclose(other.truth.eye_centres, flipped.eye_centres, atol=2e-3)
    np.testing.assert_allclose(other.truth.eye_axes, flipped.eye_axes, atol=1e-4)
    np.testing.assert_allclose(other.truth.gaze, flipped.gaze, atol=1e-5)
    np.testing.assert_allclose(other.truth.lid_angles, flipped.lid_angles, atol=1e-3)
    np.testing.assert_allclose(other.truth.light.ambient, flipped.light.ambient, atol=1e-9)
    assert other.truth.units == flipped.units
    assert (other.truth.pose.yaw, other.truth.pose.roll) == pytest.approx((flipped.pose.yaw, flipped.pose.roll))
    assert (other.truth.visibility != flipped.visibility).mean() < 0.01  # rays that graze an edge
    difference = np.abs(other.image.astype(int) - one.image[:, ::-1]).max(2)
    strands = (one.regions[:, ::-1] == Region.HAIR) | (other.regions == Region.HAIR)  # painted for each side by itself
    assert (difference[~strands] > 12).mean() < 0.01
    x = one.truth.flip().point_of_regard[0]
    assert np.isnan(x) or x == pytest.approx(-one.truth.point_of_regard[0])


def test_flipping_twice_gives_the_truth_back(samples: list[Sample]) -> None:
    truth = samples[0].truth
    twice = truth.flip().flip()
    np.testing.assert_allclose(twice.points, truth.points, atol=1e-4)
    np.testing.assert_allclose(twice.gaze, truth.gaze)
    assert twice.units == truth.units


def test_points_in_every_scheme_dense_points_convert_to(samples: list[Sample]) -> None:
    truth = samples[0].truth
    for name in SCHEMES:
        try:
            conversion_path("dense478", name)
        except ValueError:
            continue
        landmarks = truth.landmarks(name)
        known = np.isfinite(landmarks.points).all(1)
        assert known.mean() > 0.5
        assert landmarks.points.shape == (len(scheme(name)), 3)
        assert ((landmarks.visibility >= 0) & (landmarks.visibility <= 1)).all()
    dense = truth.landmarks()
    np.testing.assert_allclose(dense.points[:, :2], truth.points, atol=1e-3)
    flat = dense.to("ibug68").points[:, :2]  # converting on the picture differs by perspective alone
    assert np.abs(flat - truth.landmarks("ibug68").points[:, :2]).max() < 2


def test_the_table_holds_the_truth(samples: list[Sample]) -> None:
    table = truth_table([truth_row(s, f"{i}.png") for i, s in enumerate(samples)])
    assert table.schema.metadata[b"nasion_synth_schema"].decode() == TRUTH_VERSION
    row, truth = table.to_pylist()[3], samples[3].truth
    np.testing.assert_allclose(np.reshape(row["points"], (478, 2)), truth.points)
    np.testing.assert_allclose(np.reshape(row["points3d"], (478, 3)), truth.points3d)
    assert row["visibility"] == truth.visibility.tolist()
    assert row["yaw"] == truth.pose.yaw
    assert row["lid_opening_left"] == truth.lid_opening[0]
    assert row["occluders"] == list(truth.occluders)
    assert {k for k, v in row.items() if k.startswith("au") and v} == {
        f"au{unit:02d}_{('left', 'right')[k]}" for unit, pair in truth.units.items() for k in (0, 1) if pair[k]
    }
    assert set(table.schema.names) == set(truth_schema().names)


def test_every_column_is_documented() -> None:
    from nasion.synth import truth_table as module

    words = (module.__doc__ or "").replace("`", " ").replace(",", " ").split()
    patterns = ("gaze_yaw", "gaze_pitch", "lid_upper", "lid_lower", "au", "phase_")
    missing = [n for n in truth_schema().names if n not in words and not n.startswith(patterns)]
    assert not missing


def test_hidden_share_counts_points_behind_things(model: HeadModel) -> None:
    scene: Scene = sample_scene(np.random.default_rng(3), replace(WIDE, yaw=(0, 0), occlude=0))
    bare = render_scene(scene, model).truth
    masked = render_scene(replace(scene, occluders=(Occluder("mask", 1),)), model).truth
    assert bare.hidden_share == 0
    assert 0.2 < masked.hidden_share < 0.8
    mouth = list(scheme("dense478").groups["outer_lips"])
    assert (masked.visibility[mouth] == OCCLUDED).all()
    assert isinstance(truth_schema(), pa.Schema)
