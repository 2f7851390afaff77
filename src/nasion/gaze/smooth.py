"""Steadier points of regard: a constant-velocity Kalman filter that lets go when the eyes jump.

Source: the toolkit EyeTrax filters x, y and their velocities so (arXiv 2603.12388 names a Kalman smoother). Its fixed
matrices (Q = 50, R = 0.2, in px and frames) nearly pass the input through; here both are stated in millimetres and
seconds, and R comes from the session's own error.
"""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError

JERK = 400.0  # mm/s^2, spread of the acceleration while eyes rest or follow
LEAP = 4.0  # standard deviations off the prediction: a saccade, not noise
LONGEST = 0.5  # s without a point after which the filter begins anew


class RegardSmoother:
    """Filters a stream of points.

    Args:
        noise_mm: standard deviation of a point per axis, above 0.
    """

    def __init__(self, noise_mm: float) -> None:
        if not noise_mm > 0:
            raise InputError(f"the noise of a point of regard must be above 0 mm, got {noise_mm}")
        self._noise = noise_mm**2
        self._state: FloatArray | None = None
        self._spread = np.zeros((2, 2))
        self._time = 0.0

    def __call__(self, point: FloatArray, time_s: float) -> FloatArray:
        """The filtered (2,) mm after a new (2,) mm point at a time not before the last; NaN points are predicted over.

        Raises:
            InputError: the time goes back.
        """
        step = time_s - self._time
        if self._state is not None and step < 0:
            raise InputError(f"points must come in order: {time_s} s after {self._time} s")
        known = bool(np.isfinite(point).all())
        if self._state is None or step > LONGEST:
            return self._begin(point, time_s) if known else np.full(2, np.nan)
        move = np.array([[1.0, step], [0.0, 1.0]])
        state = move @ self._state
        jolt = JERK**2 * np.array([[step**4 / 4, step**3 / 2], [step**3 / 2, step**2]])
        spread = move @ self._spread @ move.T + jolt
        if not known:
            return np.asarray(state[0])
        total = spread[0, 0] + self._noise
        off = point - state[0]
        if (off @ off) / (2 * total) > LEAP**2 / 2:
            return self._begin(point, time_s)
        gain = spread[:, 0] / total
        self._state = state + gain[:, None] * off
        self._spread = spread - np.outer(gain, spread[0])
        self._time = time_s
        return np.asarray(self._state[0].copy())

    def _begin(self, point: FloatArray, time_s: float) -> FloatArray:
        self._state = np.stack([np.asarray(point, np.float64), np.zeros(2)])
        self._spread = np.diag([self._noise, 50.0**2])
        self._time = time_s
        return np.asarray(self._state[0].copy())
