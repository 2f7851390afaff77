"""LADS: clips with exact labels, views, the loss, and the detector it exports."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError
from nasion.landmark.events import load_events
from nasion.train.lads import LADS, random_view
from nasion.train.lads_clips import REST, EventClip, load_clips, rendered_clip, rendered_clips, surfaces


@pytest.fixture(scope="module")
def clip() -> EventClip:
    return rendered_clip(5, 1, "fast", side=64, seconds=0.2)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")


def test_a_clip_is_labelled_where_its_windows_end(clip: EventClip) -> None:
    assert clip.time_us.tolist() == [33_333, 66_667, 100_000, 133_333, 166_667]
    assert clip.points.shape == (5, 5, 2)
    inside = (clip.points >= clip.boxes[:, None, :2]) & (clip.points <= clip.boxes[:, None, 2:])
    assert inside.all()
    assert clip.points[:, 0, 0].mean() > clip.points[:, 1, 0].mean()  # the subject's left eye is to the right
    moved = np.linalg.norm(np.diff(clip.points, axis=0), axis=2).mean(1) * 30
    np.testing.assert_allclose(clip.speed[1:], moved, rtol=1e-3)
    assert clip.speed.max() > 10 * REST
    assert len(clip.events) > 1000


def test_surfaces_of_every_rate_end_at_the_same_instants(clip: EventClip) -> None:
    found = surfaces([clip], "er", (30, 240))
    assert len(found) == 10
    assert found.hz.tolist() == [30] * 5 + [240] * 5
    np.testing.assert_array_equal(found.points[:5], found.points[5:])
    assert found.images.shape == (10, 64, 64)
    # the last 33 ms make a histogram at 30 Hz, the last 4 ms at 240 Hz
    shown = surfaces([clip], "histogram", (30, 240)).images != 128
    assert shown[:5].sum() > 3 * shown[5:].sum() > 0
    # how fast a still patch forgets does not depend on how time is cut
    still = surfaces([clip], "time", (30, 240)).images.astype(float)
    assert np.abs(still[:5] - still[5:]).mean() < 2


def test_clips_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: EventClip) -> None:
    from nasion.train import lads_clips

    monkeypatch.setattr(lads_clips, "rendered_clip", lambda *_: clip)
    first = rendered_clips(5, 2, cache=tmp_path)
    monkeypatch.delattr(lads_clips, "rendered_clip")
    again = rendered_clips(5, 2, cache=tmp_path)
    assert (again[1].events == first[1].events).all()
    assert [c.pace for c in again] == ["slow", "fast"]


def test_views_keep_points_on_the_face(clip: EventClip) -> None:
    """A surface that is bright at the true points only stays so in every view."""
    found = surfaces([clip], "er", (30,))
    marked = np.full_like(found.images, 128)
    for image, points in zip(marked, found.points, strict=True):
        for x, y in np.rint(points).astype(int):
            image[y - 1 : y + 2, x - 1 : x + 2] = 255
    drawn = replace(found, images=marked)
    rng, faces = np.random.default_rng(0), 0
    for _ in range(40):
        image, box, points, there = random_view(rng, drawn, 2)
        assert image.shape == (128, 128)
        if not there:
            assert np.abs(image).mean() < 0.02
            continue
        faces += 1
        middle = (box[:2] + box[2:]) / 2
        assert (np.abs(middle - 63.5) < 24).all()
        near = np.rint(points).astype(int)
        assert (np.abs(image[near[:, 1], near[:, 0]]) > 0.25).all()
        assert points[0, 0] > points[1, 0]  # mirrored views keep the subject's sides
    assert faces > 30


def test_the_loss_is_least_at_the_truth(torch) -> None:
    from nasion.train.lads_net import STRIDE, UNIT, centres, decode, losses

    box = torch.tensor([[30.0, 34, 90, 106]])
    points = torch.tensor([[[75.0, 60], [45, 61], [60, 75], [70, 90], [50, 90]]])
    middle = centres(128, 128)
    perfect = torch.zeros(1, 15, 128 // STRIDE, 128 // STRIDE)
    aim = torch.cat([box, points.flatten(1)], 1)[:, :, None, None]
    perfect[:, 1:] = (aim - middle.permute(2, 0, 1).repeat(7, 1, 1)[None]) / UNIT
    away = ((middle - torch.tensor([60.0, 70])).abs() / torch.tensor([60.0, 72])).amax(-1)
    perfect[:, 0] = torch.where(away <= 0.12, 9.0, -9.0)
    best = {k: float(v) for k, v in losses(perfect, box, points, torch.tensor([True])).items()}
    assert max(best.values()) < 1e-3
    rows = decode(perfect)[0]
    top = rows[rows[:, 4].argmax()]
    np.testing.assert_allclose(top[:4], box[0], atol=1e-3)
    np.testing.assert_allclose(top[5:].reshape(5, 2), points[0], atol=1e-3)
    shifted = losses(perfect, box, points + 3, torch.tensor([True]))
    assert float(shifted["points"]) > 0.1
    empty = losses(perfect, box, points, torch.tensor([False]))
    assert float(empty["box"]) == 0
    assert float(empty["score"]) > 1


def test_it_trains_exports_and_detects(torch, clip: EventClip, tmp_path: Path) -> None:
    from nasion.detect import FaceDetector
    from nasion.train import fit
    from nasion.train.lads import answers, score

    recipe, found = LADS("er"), surfaces([clip], "er")
    net = fit(recipe, recipe.take(found), steps=2, seed=0).model
    assert set(score(net, found, found.hz == 240)) == {"nme", "ap50", "faces"}
    recipe.export(net, tmp_path / "lads.onnx")
    image = np.repeat(np.kron(found.images[3], np.ones((2, 2), np.uint8))[..., None], 3, axis=2)  # 128 px, as it takes
    row = answers(net, image[None, ..., 0])[0][0]
    detector = FaceDetector(tmp_path / "lads.onnx", threshold=max(float(row[4]) - 1e-4, 1e-6), threads=1)
    face = detector.detect(image)[0]
    np.testing.assert_allclose(face.box.to_array(), row[:4], atol=0.02)
    np.testing.assert_allclose(face.landmarks.points, row[5:].reshape(5, 2), atol=0.02)
    with pytest.raises(InputError, match="take"):
        LADS("er").draw(recipe.take(found), np.arange(2), np.random.default_rng(0))


def test_clips_of_the_command_line_are_read(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from nasion.cli.main import app

    made = ["synth", "--video", "nod", "--seconds", "0.2", "--fps", "30", "--events", "--size", "64", "--n", "1"]
    assert CliRunner().invoke(app, [*made, "--out", str(tmp_path)]).exit_code == 0
    (clip,) = load_clips(tmp_path)
    assert clip.size == (64, 64)
    assert clip.points.shape == (5, 5, 2)
    assert len(load_events(tmp_path / "0_events.npz")[0]) == len(clip.events)
    assert len(surfaces([clip], "time", (30,))) == 5
    (tmp_path / "0_events.npz").unlink()
    with pytest.raises(InputError, match=r"0\.mp4"):
        load_clips(tmp_path)
    with pytest.raises(InputError, match=r"truth\.parquet"):
        load_clips(tmp_path / "absent")
    with pytest.raises(InputError, match="er, log"):
        LADS("fancy")
