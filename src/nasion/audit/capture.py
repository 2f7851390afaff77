"""How a face was photographed: sharpness, and the light around it.

Light and contrast are measured *around* the face, never on it. Skin that is dark makes the face's own pixels dark: to
hold those constant would hold the skin constant, and hide the very difference that an audit looks for.
"""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import Box, FloatArray

REACH = 0.5  # of the face's box, how far its surroundings reach
_WINDOW = 9  # taps of the second blur, as in the paper
_ENOUGH = 100  # px of surroundings; with fewer the whole picture is taken


def blur_effect(gray: FloatArray) -> float:
    """How little a further blur would change: 0 sharp, 1 a flat or fully blurred picture.

    A ratio of gradients, so neither contrast nor brightness enters. Source: Crete et al., "The Blur Effect: Perception
    and Estimation with a New No-Reference Perceptual Blur Metric", SPIE 2007.

    Args:
        gray: (H, W) luma, any scale.
    """
    image, strengths = np.asarray(gray, np.float32), []
    for axis, size in ((0, (1, _WINDOW)), (1, (_WINDOW, 1))):
        if image.shape[axis] < 3:
            return 1.0
        change = np.abs(np.diff(image, axis=axis))
        softened = np.abs(np.diff(cv2.blur(image, size, borderType=cv2.BORDER_REFLECT), axis=axis))
        total = float(change.sum())
        strengths.append(1 - float(np.maximum(change - softened, 0).sum()) / total if total > 0 else 1.0)
    return max(strengths)


def surroundings(luma: FloatArray, face: Box, hull: FloatArray) -> tuple[float, float]:
    """Light and contrast around a face.

    Args:
        luma: (H, W), 0..255.
        face: its box, px.
        hull: (N, 2) px, points that enclose the skin; everything within their convex hull is left out.

    Returns:
        Mean and standard deviation of the luma, both 0..1 of full scale.
    """
    height, width = luma.shape
    wide = Box(
        face.x0 - REACH * face.width, face.y0 - REACH * face.height,
        face.x1 + REACH * face.width, face.y1 + REACH * face.height,
    ).clipped(width, height)  # fmt: skip
    outside = np.zeros(luma.shape, np.uint8)
    outside[int(wide.y0) : int(wide.y1) + 1, int(wide.x0) : int(wide.x1) + 1] = 1
    skin = cv2.convexHull(np.rint(hull).astype(np.int32))
    cv2.fillConvexPoly(outside, skin, 0)
    values = luma[outside > 0]
    if values.size < _ENOUGH:
        values = luma.ravel()
    return float(values.mean()) / 255, float(values.std()) / 255
