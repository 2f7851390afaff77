"""Draw ``matching_views.png``: 60 points in one view and 60 others in the second, paired by geometry alone.

python docs/images/make_matching.py        (extra ``matching``)
"""

from pathlib import Path

import numpy as np

from nasion.core import Camera, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.landmark.matching import View, match_views
from nasion.media import write_image
from nasion.media.match_drawing import draw_matches

NOISE, SEEN, COMMON = 0.05, 60, 52  # px, points in each view, points in both
DISTANCE = np.array([0.0, 0.0, 700.0])  # mm


def view(yaw: float, pitch: float) -> View:
    """A camera 700 mm from the head, turned about it."""
    return View(Camera(900.0, 900.0, 320.0, 240.0), angles_to_rotation(yaw, pitch, 0.0), DISTANCE)


def main() -> None:
    """Match two views of the mean face, in any order, with points that only one of them has."""
    rng = np.random.default_rng(2)
    template = scheme("ibug68").template
    assert template is not None
    a, b = view(-12, 0), view(20, 14)
    drawn = rng.permutation(len(template))
    in_a, in_b = drawn[:SEEN], rng.permutation(np.concatenate([drawn[:COMMON], drawn[SEEN:]]))
    x, y = (v.project(template[own]) + rng.normal(0, NOISE, (len(own), 2)) for v, own in ((a, in_a), (b, in_b)))
    found = match_views(x, y, a, b, count=COMMON)
    right = in_a[found.pairs[:, 0]] == in_b[found.pairs[:, 1]]
    print(
        f"{right.sum()} of {len(found)} right; of {(~found.ambiguous).sum()} unflagged {right[~found.ambiguous].sum()}"
    )
    write_image(Path(__file__).parent / "matching_views.png", draw_matches(x, y, found.pairs, found.ambiguous))


if __name__ == "__main__":
    main()
