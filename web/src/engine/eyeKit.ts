/** How far each eye is open and how far to believe it: `nasion.eyes.kit`. */

import type { Face } from "./face.ts";
import { clip } from "./numbers.ts";
import { combinedAngle, CORNERS, eyelidAngle, LIDS } from "./eyelidAngle.ts";
import type { Picture } from "./types.ts";

export const SHARP = 0.25; // expected error over eye width at which an opening means nothing
export const TURNED = 35.0, LOST = 75.0; // degrees to the side: an eye that far away is seen fully, and not at all
export const GLARE = 250, GLARE_SHARE = 0.25; // 8-bit level of a reflection, and the share of the eye it may cover

export interface Lids {
  /** Degrees between the lids, left and right eye. */
  angles: [number, number];
  /** Both eyes in one number. */
  opening: number;
  /** 0..1 of each eye. */
  trust: [number, number];
}

export function readLids(picture: Picture, face: Face, poseYaw: number): Lids {
  const yaw = Number.isFinite(poseYaw) ? poseYaw : 0;
  const trust: [number, number] = [trustOf(picture, face, 0, yaw), trustOf(picture, face, 1, yaw)];
  const angles: [number, number] = [eyelidAngle(face.points, 0), eyelidAngle(face.points, 1)];
  return { angles, opening: combinedAngle(angles, yaw, trust), trust };
}

function trustOf(picture: Picture, face: Face, side: 0 | 1, yaw: number): number {
  const { points, visibility, sigma } = face;
  const lids = [...LIDS[side][0], ...LIDS[side][1]];
  const [inner, outer] = CORNERS[side];
  const width = Math.hypot(points[3 * inner] - points[3 * outer], points[3 * inner + 1] - points[3 * outer + 1]);
  let seen = 0, blur = 0;
  for (const i of lids) {
    seen += visibility[i] / lids.length;
    blur += sigma[i] / lids.length;
  }
  const sharp = Math.max(0, 1 - blur / Math.max(width, 1e-6) / SHARP);
  const away = side === 0 ? -yaw : yaw; // the left eye goes out of sight when the face turns to the subject's left
  const facing = clip((LOST - away) / (LOST - TURNED), 0, 1);
  return seen * sharp * facing * clip(1 - glare(picture, points, lids) / GLARE_SHARE, 0, 1);
}

/** Share of the pixels around an eye that are burnt out. */
function glare({ data, width, height }: Picture, points: Float32Array, lids: readonly number[]): number {
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (const i of lids) {
    x0 = Math.min(x0, points[3 * i]);
    x1 = Math.max(x1, points[3 * i]);
    y0 = Math.min(y0, points[3 * i + 1]);
    y1 = Math.max(y1, points[3 * i + 1]);
  }
  const left = Math.max(Math.floor(x0), 0), right = Math.min(Math.ceil(x1) + 1, width);
  const top = Math.max(Math.floor(y0), 0), bottom = Math.min(Math.ceil(y1) + 1, height);
  if (!(right > left && bottom > top)) return 0;
  let burnt = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left, at = 4 * (y * width + left); x < right; x++, at += 4)
      if (data[at] >= GLARE && data[at + 1] >= GLARE && data[at + 2] >= GLARE) burnt += 1;
  return burnt / ((right - left) * (bottom - top));
}
