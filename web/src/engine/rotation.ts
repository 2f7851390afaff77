/** Rotations and head angles: `nasion.core.geometry.rotation` and `nasion.core.pose`. */

import { cross, eigen3, times, transposed, type Vector } from "./linear.ts";

export const GIMBAL = 1e-7; // cos(yaw) below which pitch and roll turn about the same axis

const DEGREES = 180 / Math.PI;

/** (9) rotation matrix to yaw, pitch, roll in degrees: R = Rx(-pitch) Ry(yaw) Rz(roll). */
export function rotationToAngles(m: ArrayLike<number>): Vector {
  const cosYaw = Math.hypot(m[0], m[1]);
  const locked = cosYaw < GIMBAL;
  const yaw = Math.atan2(m[2], cosYaw);
  const pitch = -(locked ? Math.atan2(m[7], m[4]) : Math.atan2(-m[5], m[8]));
  const roll = locked ? 0 : Math.atan2(-m[1], m[0]);
  return [yaw * DEGREES, pitch * DEGREES, roll * DEGREES];
}

/** The rotation that turns the camera's z axis towards a point by the shortest way: line-of-sight to camera frame. */
export function lineOfSight([x, y, z]: Vector): Float64Array {
  const across = Math.hypot(x, y);
  const angle = Math.atan2(across, z);
  if (across === 0) return Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  const ax = -y / across, ay = x / across; // Rodrigues about (ax, ay, 0)
  const s = Math.sin(angle), v = 1 - Math.cos(angle);
  return Float64Array.of(
    1 - v * ay * ay, v * ax * ay, s * ay,
    v * ax * ay, 1 - v * ax * ax, -s * ax,
    -s * ay, s * ax, 1 - v * (ax * ax + ay * ay),
  ); // prettier-ignore
}

/** Angles of a head as it appears along its line of sight, from its rotation and place in the camera frame. */
export function seenAngles(rotation: ArrayLike<number>, translation: Vector): Vector {
  return rotationToAngles(times(transposed(lineOfSight(translation)), rotation));
}

/** The rotation closest (in the Frobenius norm) to a 3 x 3 matrix; never a reflection. */
export function nearestRotation(m: ArrayLike<number>): Float64Array {
  const { vectors } = eigen3(times(transposed(m), m));
  const v1 = vectors.subarray(0, 3), v2 = vectors.subarray(3, 6), v3 = cross(v1, v2);
  const u1 = unit(apply(m, v1)), raw = apply(m, v2);
  const along = u1[0] * raw[0] + u1[1] * raw[1] + u1[2] * raw[2];
  const u2 = unit([raw[0] - along * u1[0], raw[1] - along * u1[1], raw[2] - along * u1[2]]);
  const u3 = cross(u1, u2);
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) out[3 * i + j] = u1[i] * v1[j] + u2[i] * v2[j] + u3[i] * v3[j];
  return out;
}

function apply(m: ArrayLike<number>, v: ArrayLike<number>): Vector {
  const row = (i: number) => m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
  return [row(0), row(1), row(2)];
}

function unit(v: Vector): Vector {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}
