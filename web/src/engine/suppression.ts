/** One box per face: `nasion.detect.suppression` and `detector._best`. */

import { area, iou, type Box } from "./face.ts";

export const SAME_FACE = 0.4; // boxes that overlap more are one face
export const NESTED = 0.9; // and so are boxes of two sizes that share this part of the smaller one
export const MOST_CANDIDATES = 2000;

/** The candidates to keep, best first: greedy suppression, then boxes that lie inside a better one go. */
export function best(rows: Float32Array[]): Float32Array[] {
  const ordered = rows.map((row, i) => ({ row, i })).sort((a, b) => b.row[4] - a.row[4] || a.i - b.i);
  const kept: { row: Float32Array; box: Box }[] = [];
  for (const { row } of ordered.slice(0, MOST_CANDIDATES)) {
    const box: Box = [row[0], row[1], row[2], row[3]];
    if (kept.every((better) => iou(box, better.box) <= SAME_FACE)) kept.push({ row, box });
  }
  return kept
    .filter(({ box }, i) => kept.slice(0, i).every((better) => sharedPart(box, better.box) <= NESTED))
    .map(({ row }) => row);
}

/** What two boxes share, over the area of the smaller. */
function sharedPart(a: Box, b: Box): number {
  const w = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const h = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  return (w * h) / Math.max(Math.min(area(a), area(b)), 1e-9);
}
