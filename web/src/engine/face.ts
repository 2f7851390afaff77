/** A face between detector, landmarker and tracker: `nasion.core.Face`, as far as the studio needs it. */

/** x0, y0, x1, y1 px. */
export type Box = [number, number, number, number];

export interface Face {
  box: Box;
  /** 0..1: the detector's score, later the landmarker's presence. */
  score: number;
  /** coarse5 (5 x 2) or dense478 (478 x 3), px. */
  points: Float32Array;
  /** Per point; empty of a detection. */
  visibility: Float32Array;
  sigma: Float32Array;
  /** -1 for one that nobody knows yet. */
  id: number;
}

export const DENSE = 478;

/** Whether the face carries no more than a detector's five points. */
export function isCoarse(face: Face): boolean {
  return face.points.length === 10;
}

/**
 * The five points of a face, subject's left eye first: eyes, nose tip, mouth corners (10 numbers).
 *
 * Source of the indices: `nasion.core.schemes.maps.to_coarse5` on dense478; an eye is the middle of its lid corners.
 */
export function coarse5(face: Face): Float64Array {
  const p = face.points;
  if (isCoarse(face)) return Float64Array.from(p);
  const x = (i: number) => p[3 * i], y = (i: number) => p[3 * i + 1];
  return Float64Array.of(
    (x(263) + x(362)) / 2, (y(263) + y(362)) / 2,
    (x(33) + x(133)) / 2, (y(33) + y(133)) / 2,
    x(4), y(4), x(291), y(291), x(61), y(61),
  ); // prettier-ignore
}

/** The smallest box round dense points. */
export function boxAround(points: Float32Array): Box {
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let i = 0; i < points.length; i += 3) {
    if (points[i] < x0) x0 = points[i];
    if (points[i] > x1) x1 = points[i];
    if (points[i + 1] < y0) y0 = points[i + 1];
    if (points[i + 1] > y1) y1 = points[i + 1];
  }
  return [x0, y0, x1, y1];
}

export function area([x0, y0, x1, y1]: Box): number {
  return (x1 - x0) * (y1 - y0);
}

export function centre([x0, y0, x1, y1]: Box): [number, number] {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/** Intersection over union, 0..1. */
export function iou(a: Box, b: Box): number {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(w, 0) * Math.max(h, 0);
  const union = area(a) + area(b) - shared;
  return union > 0 ? shared / union : 0;
}

/** Square root of the box's area, px (`nasion.track.association.face_size`). */
export function faceSize(face: Face): number {
  return Math.sqrt(area(face.box));
}
