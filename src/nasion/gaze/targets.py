"""What to look at while a session is calibrated. All are fractions of the screen, (0, 0) its upper left corner.

Source: the toolkit EyeTrax by the author of EMC-Gaze (arXiv 2603.12388): nine points in the order centre, corners,
edges; a Lissajous figure to follow.
"""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError

MARGIN = 0.1  # of the screen
SETTLE_S, CAPTURE_S = 1.0, 1.0  # per point: time to find it, and time that counts
PURSUIT_S = 5.0
_WAVES = (3, 2, 0.4, 0.4)  # turns across and down in one figure; reach across and down


def calibration_points(count: int) -> FloatArray:
    """(count, 2) points to show one after the other.

    Args:
        count: 1 (centre), 5 (with the corners) or 9 (with the edges).

    Raises:
        InputError: another number.
    """
    if count not in (1, 5, 9):
        raise InputError(f"calibrations show 1, 5 or 9 points, not {count}")
    a, b = MARGIN, 1 - MARGIN
    shown = [(0.5, 0.5), (a, a), (b, a), (a, b), (b, b), (0.5, a), (a, 0.5), (b, 0.5), (0.5, b)]
    return np.array(shown[:count])


def pursuit(time_s: FloatArray, seconds: float = PURSUIT_S) -> FloatArray:
    """Where the moving target is: (N,) seconds to (N, 2), one figure in ``seconds``."""
    across, down, reach_x, reach_y = _WAVES
    turn = 2 * np.pi * np.asarray(time_s, np.float64) / seconds
    return np.stack([0.5 + reach_x * np.sin(across * turn), 0.5 + reach_y * np.sin(down * turn)], axis=-1)
