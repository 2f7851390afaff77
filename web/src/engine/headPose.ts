/** Head pose, the metric mean face turned and moved until it projects onto the points: `nasion.pose.head_pose`. */

import { cameraForImage, type Camera } from "./camera.ts";
import { area, boxAround, type Face } from "./face.ts";
import type { Vector } from "./linear.ts";
import { RIGID, RIGID_TEMPLATE } from "./meanFace.ts";
import { solvePnp } from "./pnp.ts";
import { seenAngles } from "./rotation.ts";

export interface HeadPose {
  /** Degrees relative to the line of sight; NaN when the points admit no pose. */
  yaw: number;
  pitch: number;
  roll: number;
  /** (9) head to camera frame, and mm of the head's origin in it. */
  rotation: Float64Array;
  translation: Vector;
}

export function headPose(face: Face, width: number, height: number, camera: Camera = cameraForImage(width, height)): HeadPose {
  const n = RIGID.length;
  const size = Math.sqrt(Math.max(area(boxAround(face.points)), 1e-6));
  const pixels = new Float64Array(2 * n), weights = new Float64Array(n);
  RIGID.forEach((index, i) => {
    pixels[2 * i] = face.points[3 * index];
    pixels[2 * i + 1] = face.points[3 * index + 1];
    weights[i] = (0.05 + face.visibility[index]) / (face.sigma[index] + 0.01 * size) ** 2;
  });
  const fit = solvePnp(RIGID_TEMPLATE, pixels, camera, weights);
  if (!fit || !fit.converged || size < 1) {
    // points within a pixel of each other fit any head far away
    const unknown: Vector = [NaN, NaN, NaN];
    return { yaw: NaN, pitch: NaN, roll: NaN, rotation: new Float64Array(9).fill(NaN), translation: fit?.translation ?? unknown };
  }
  const [yaw, pitch, roll] = seenAngles(fit.rotation, fit.translation);
  return { yaw, pitch, roll, rotation: fit.rotation, translation: fit.translation };
}
