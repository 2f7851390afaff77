/**
 * Pose of a known solid point set from its picture: `nasion.core.geometry.pnp`.
 *
 * A weak-perspective fit starts, Levenberg-Marquardt on the reprojection error in pixels finishes. The studio fits one
 * template, which is solid; what the Python solver does for flat sets is not needed here.
 *
 * Source: DeMenthon and Davis, "Model-Based Object Pose in 25 Lines of Code", IJCV 1995 (the start).
 */

import type { Camera } from "./camera.ts";
import { cross, solve, times, type Vector } from "./linear.ts";
import { nearestRotation } from "./rotation.ts";

const STEPS = 50; // exact data settle in 4..8
const SETTLED = 1e-6; // radians and shares of the distance: a step this small ends the search

export interface PnP {
  /** (9) object to camera. */
  rotation: Float64Array;
  /** In the unit of the points. */
  translation: Vector;
  converged: boolean;
}

/**
 * The pose under which `camera` sees `points` (N x 3) at `pixels` (N x 2), by least squares with `weights` (N), all
 * above 0. Null where there is none: numbers that are not finite.
 */
export function solvePnp(
  points: ArrayLike<number>, pixels: ArrayLike<number>, camera: Camera, weights: ArrayLike<number>,
): PnP | null {
  const n = weights.length;
  let total = 0;
  const centre: Vector = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    total += weights[i];
    for (let k = 0; k < 3; k++) centre[k] += weights[i] * points[3 * i + k];
  }
  for (let k = 0; k < 3; k++) centre[k] /= total;
  const covariance = new Float64Array(9);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < 3; j++)
      for (let k = 0; k < 3; k++)
        covariance[3 * j + k] += (weights[i] / total) * (points[3 * i + j] - centre[j]) * (points[3 * i + k] - centre[k]);
  const size = Math.sqrt(covariance[0] + covariance[4] + covariance[8]);
  const solid = new Float64Array(3 * n), rays = new Float64Array(2 * n), w = new Float64Array(n);
  const mean = [0, 0];
  for (let i = 0; i < n; i++) {
    w[i] = weights[i] / total;
    for (let k = 0; k < 3; k++) solid[3 * i + k] = (points[3 * i + k] - centre[k]) / size;
    rays[2 * i] = (pixels[2 * i] - camera.cx) / camera.fx;
    rays[2 * i + 1] = (pixels[2 * i + 1] - camera.cy) / camera.fy;
    mean[0] += w[i] * rays[2 * i];
    mean[1] += w[i] * rays[2 * i + 1];
  }
  const moment = new Float64Array(6);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < 3; k++) {
      moment[k] += w[i] * (rays[2 * i] - mean[0]) * solid[3 * i + k];
      moment[3 + k] += w[i] * (rays[2 * i + 1] - mean[1]) * solid[3 * i + k];
    }
  // the affine camera (2, 3) that fits best: moment times the inverse of the covariance, which is symmetric
  const affine = solve(covariance.map((value) => value / (size * size)), transposed23(moment), 3, 2);
  const rows: Vector[] = [[affine[0], affine[2], affine[4]], [affine[1], affine[3], affine[5]]];
  const [first, second] = rows.map((row) => {
    const length = Math.max(Math.hypot(...row), 1e-300);
    return [row[0] / length, row[1] / length, row[2] / length] as Vector;
  });
  const start = nearestRotation([...first, ...second, ...cross(first, second)]);
  if (!start.every(Number.isFinite)) return null;
  const found = refine(solid, rays, w, camera, start, mean, moment);
  const { rotation, translation: t } = found;
  const at = (i: number) => rotation[3 * i] * centre[0] + rotation[3 * i + 1] * centre[1] + rotation[3 * i + 2] * centre[2];
  return { rotation, translation: [t[0] * size - at(0), t[1] * size - at(1), t[2] * size - at(2)], converged: found.converged };
}

function transposed23(m: Float64Array): Float64Array {
  return Float64Array.of(m[0], m[3], m[1], m[4], m[2], m[5]);
}

function refine(
  points: Float64Array, rays: Float64Array, w: Float64Array, camera: Camera, start: Float64Array, mean: number[],
  moment: Float64Array,
): PnP {
  const n = w.length;
  let rotation = start, turned = turn(points, rotation);
  let top = 0, bottom = 0, nearest = -Infinity;
  for (let k = 0; k < 6; k++) top += rotation[k] * moment[k];
  for (let i = 0; i < n; i++) {
    bottom += w[i] * (turned[3 * i] ** 2 + turned[3 * i + 1] ** 2);
    nearest = Math.max(nearest, -turned[3 * i + 2]);
  }
  const depth = Math.max(1 / Math.max(top / bottom, 1e-9), 1.5 * nearest); // all points in front of the camera
  let translation: Vector = [mean[0] * depth, mean[1] * depth, depth];
  let system = normalEquations(turned, translation, rays, w, camera);
  let damping = 1e-4, converged = false;
  for (let step = 0; step < STEPS && !converged; step++) {
    const normal = new Float64Array(36), gradient = new Float64Array(6);
    let largest = 0;
    for (let i = 0; i < 6; i++) largest = Math.max(largest, system[8 * i]);
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 6; j++) normal[6 * i + j] = system[7 * i + j];
      normal[7 * i] += damping * system[8 * i] + 1e-15 * largest;
      gradient[i] = -system[7 * i + 6];
    }
    const move = solve(normal, gradient, 6, 1);
    const trialRotation = times(smallTurn(move), rotation);
    const trialTranslation: Vector = [translation[0] + move[3], translation[1] + move[4], translation[2] + move[5]];
    const trialTurned = turn(points, trialRotation);
    const trial = normalEquations(trialTurned, trialTranslation, rays, w, camera);
    const better = trial[48] <= system[48];
    if (better) {
      rotation = trialRotation;
      translation = trialTranslation;
      turned = trialTurned;
      system = trial;
    }
    let longest = 0;
    for (const value of move) longest = Math.max(longest, Math.abs(value));
    converged = longest < SETTLED * (1 + Math.abs(translation[2]));
    damping = Math.min(Math.max(better ? damping / 10 : damping * 10, 1e-12), 1e12);
  }
  return { rotation, translation, converged };
}

function turn(points: Float64Array, r: Float64Array): Float64Array {
  const out = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 3)
    for (let k = 0; k < 3; k++)
      out[i + k] = r[3 * k] * points[i] + r[3 * k + 1] * points[i + 1] + r[3 * k + 2] * points[i + 2];
  return out;
}

/**
 * The 6 x 6 Gauss-Newton matrix for a turn about the camera axes and a shift, bordered by the gradient (7 x 7); in the
 * corner the weighted mean squared distance, infinite where a point is behind the camera.
 */
function normalEquations(
  turned: Float64Array, [tx, ty, tz]: Vector, rays: Float64Array, w: Float64Array, camera: Camera,
): Float64Array {
  const system = new Float64Array(49), a = new Float64Array(7), b = new Float64Array(7);
  let behind = false;
  for (let i = 0; i < w.length; i++) {
    const x = turned[3 * i], y = turned[3 * i + 1], z = turned[3 * i + 2];
    if (z + tz <= 0) {
      behind = true;
      continue;
    }
    const inverse = 1 / (z + tz), u = (x + tx) * inverse, v = (y + ty) * inverse;
    const root = Math.sqrt(w[i]), wx = root * camera.fx, wy = root * camera.fy, gx = wx * inverse, gy = wy * inverse;
    a[0] = -u * y * gx; a[1] = (z + u * x) * gx; a[2] = -y * gx; a[3] = gx; a[5] = -u * gx; // prettier-ignore
    b[0] = (-z - v * y) * gy; b[1] = v * x * gy; b[2] = x * gy; b[4] = gy; b[5] = -v * gy; // prettier-ignore
    a[6] = (u - rays[2 * i]) * wx;
    b[6] = (v - rays[2 * i + 1]) * wy;
    for (let j = 0; j < 7; j++) for (let k = j; k < 7; k++) system[7 * j + k] += a[j] * a[k] + b[j] * b[k];
  }
  for (let j = 0; j < 7; j++) for (let k = 0; k < j; k++) system[7 * j + k] = system[7 * k + j];
  if (behind) system[48] = Infinity;
  return system;
}

/** Axis times small angle to a rotation, by Cayley's map: the angle is right to third order. */
function smallTurn(vector: Float64Array): Float64Array {
  const x = vector[0] / 2, y = vector[1] / 2, z = vector[2] / 2;
  const square = x * x + y * y + z * z, over = 1 / (1 + square), rest = 1 - square;
  return Float64Array.of(
    (rest + 2 * x * x) * over, 2 * (x * y - z) * over, 2 * (x * z + y) * over,
    2 * (x * y + z) * over, (rest + 2 * y * y) * over, 2 * (y * z - x) * over,
    2 * (x * z - y) * over, 2 * (y * z + x) * over, (rest + 2 * z * z) * over,
  ); // prettier-ignore
}
