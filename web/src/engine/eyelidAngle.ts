/**
 * The eyelid angle (ELA) in degrees: `nasion.eyes.eyelid_angle`.
 *
 * A plane is laid through the points of each lid; the angle between both planes is the opening.
 * Source: Wolter, Berrio Perez and Shan, arXiv 2511.19519.
 */

import { clip } from "./numbers.ts";
import { cross, dot, eigen3, type Vector } from "./linear.ts";

// dense478, seven points a lid from the inner to the outer corner; left, then right, of the subject
export const LIDS = [
  [[398, 384, 385, 386, 387, 388, 466], [382, 381, 380, 374, 373, 390, 249]],
  [[173, 157, 158, 159, 160, 161, 246], [155, 154, 153, 145, 144, 163, 7]],
] as const; // prettier-ignore
export const CORNERS = [[362, 263], [133, 33]] as const; // inner, outer
const FOREHEAD = 10, CHIN = 152;
export const DEPTH = 1.05; // true depth over the landmarker's, within the lids, on rendered heads
const STEEP = 4.0; // of the logistic that prefers the nearer eye, per radian of yaw
const FLAT = 3.0; // second over third singular value below which the points are a line and admit any plane

/** Degrees between the lids of the left (0) or right (1) eye; NaN where points are not finite. */
export function eyelidAngle(points: Float32Array, side: 0 | 1): number {
  const at = (i: number): Vector => [points[3 * i], points[3 * i + 1], points[3 * i + 2] * DEPTH];
  const top = at(FOREHEAD), chin = at(CHIN);
  const up: Vector = [top[0] - chin[0], top[1] - chin[1], top[2] - chin[2]];
  const [inner, outer] = CORNERS[side].map(at) as [Vector, Vector];
  const normals = LIDS[side].map((lid) => normal(lid.map(at), inner, outer, up));
  return (Math.acos(clip(dot(normals[0], normals[1]), -1, 1)) * 180) / Math.PI;
}

/** Unit normal of a lid's plane, pointing up the face. */
function normal(lid: Vector[], inner: Vector, outer: Vector, up: Vector): Vector {
  const middle: Vector = [0, 0, 0];
  for (const p of lid) for (let k = 0; k < 3; k++) middle[k] += p[k] / lid.length;
  const scatter = new Float64Array(9);
  for (const p of lid)
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) scatter[3 * i + j] += (p[i] - middle[i]) * (p[j] - middle[j]);
  const { values, vectors } = eigen3(scatter); // squares of the singular values
  let axis: Vector = [vectors[6], vectors[7], vectors[8]];
  if (Math.sqrt(Math.max(values[1], 0)) < FLAT * Math.sqrt(Math.max(values[2], 0))) {
    // a straight lid's points lie on a line: then the plane through both corners and the lid's middle stands in
    const along: Vector = [outer[0] - inner[0], outer[1] - inner[1], outer[2] - inner[2]];
    const off: Vector = [0, 1, 2].map((k) => middle[k] - (inner[k] + outer[k]) / 2) as Vector;
    const hinge = cross(along, off), length = Math.hypot(...hinge);
    if (length > 0) axis = [hinge[0] / length, hinge[1] / length, hinge[2] / length];
  }
  return dot(axis, up) < 0 ? [-axis[0], -axis[1], -axis[2]] : axis;
}

/** One opening from both eyes: the eye nearer to the camera, and the better seen one, counts more. */
export function combinedAngle(angles: [number, number], yaw: number, reliability: [number, number]): number {
  const left = 1 / (1 + Math.exp((-STEEP * yaw * Math.PI) / 180));
  let sum = 0, total = 0;
  [left, 1 - left].forEach((share, side) => {
    if (!Number.isFinite(angles[side])) return;
    sum += share * reliability[side] * angles[side];
    total += share * reliability[side];
  });
  return total > 0 ? sum / total : NaN;
}
