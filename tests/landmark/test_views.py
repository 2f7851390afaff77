"""Several views of one face: answers of an honest network must come back as one and the same."""

import numpy as np
import pytest

from nasion.core import scheme
from nasion.landmark.views import PLAIN, SEVERAL, View, look, merge

SIZE = 128
LAYOUTS = {"ibug68": "ibug68", "dense478": "dense478"}
VIEWS = (*SEVERAL, View(mirrored=True), View(turn=-40, zoom=1.3), View(mirrored=True, turn=25, zoom=0.7))


def truth(faces: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {
        "ibug68": rng.uniform(20, 100, (faces, 68, 2)),
        "dense478": rng.uniform(20, 100, (faces, 478, 3)),
        "visibility": rng.uniform(0, 1, (faces, 546)),
        "sigma": rng.uniform(0.5, 3, (faces, 546)),
        "presence": rng.uniform(0, 1, faces),
    }


def seen(true: dict[str, np.ndarray], view: View) -> dict[str, np.ndarray]:
    """What a network without error says about a view; written out here, not by what is tested."""
    flips = {name: np.array(scheme(name).mirror) for name in LAYOUTS}
    both = np.concatenate([flips["ibug68"], 68 + flips["dense478"]])
    angle, middle = np.radians(view.turn), (SIZE - 1) / 2
    out = {name: value.copy() for name, value in true.items()}
    for name in LAYOUTS:
        x, y = (true[name][..., 0] - middle) * view.zoom, (true[name][..., 1] - middle) * view.zoom
        out[name][..., 0] = x * np.cos(angle) - y * np.sin(angle) + middle
        out[name][..., 1] = x * np.sin(angle) + y * np.cos(angle) + middle
        out[name][..., 2:] *= view.zoom
        if view.mirrored:
            out[name][..., 0] = SIZE - 1 - out[name][..., 0]
            out[name] = out[name][:, flips[name]]
    out["sigma"] = true["sigma"] * view.zoom
    if view.mirrored:
        out["visibility"], out["sigma"] = out["visibility"][:, both], out["sigma"][:, both]
    return out


@pytest.mark.parametrize("views", [PLAIN, SEVERAL, VIEWS], ids=["plain", "several", "wild"])
def test_views_of_one_truth_merge_into_it(views):
    true = truth(3)
    each = [seen(true, view) for view in views]
    answers = {name: np.stack([e[name] for e in each], 1).reshape(-1, *true[name].shape[1:]) for name in true}
    merged = merge(answers, LAYOUTS, views, SIZE)
    for name, value in true.items():
        np.testing.assert_allclose(merged[name], value, atol=1e-9, err_msg=name)


def test_a_points_only_network_merges_too():
    true = {name: value[:, :68] if value.ndim > 1 else value for name, value in truth(2).items()}
    points, sigma = true["ibug68"], true["sigma"]
    mirrored = points[:, scheme("ibug68").flip] * (-1, 1) + (SIZE - 1, 0)
    answers = {
        "points": np.stack([points, mirrored], 1).reshape(-1, 68, 2),
        "sigma": np.stack([sigma, sigma[:, scheme("ibug68").flip]], 1).reshape(-1, 68),
    }
    merged = merge(answers, {"points": "ibug68"}, (View(), View(mirrored=True)), SIZE)
    np.testing.assert_allclose(merged["points"], points)
    np.testing.assert_allclose(merged["sigma"], sigma)


@pytest.mark.parametrize("view", VIEWS)
def test_pixels_go_where_points_go(view):
    image = np.zeros((300, 300, 3), np.uint8)
    image[140:147, 158:165] = 255  # its middle is (161, 143)
    matrix = np.array([[0.6, 0, -30.0], [0, 0.6, -25.0]])
    crop = look(image, matrix, SIZE, view)[..., 0].astype(float)
    y, x = np.mgrid[:SIZE, :SIZE]
    found = np.array([(x * crop).sum(), (y * crop).sum()]) / crop.sum()
    x0, y0 = matrix[:, :2] @ (161, 143) + matrix[:, 2]
    true = {name: np.full((1, len(scheme(name)), 2), (x0, y0)) for name in LAYOUTS}
    rest = {"visibility": np.ones((1, 546)), "sigma": np.ones((1, 546)), "presence": np.ones(1)}
    np.testing.assert_allclose(found, seen(true | rest, view)["ibug68"][0, 0], atol=0.15)
