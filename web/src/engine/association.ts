/**
 * Which face is which: `nasion.track.association`.
 *
 * Source: Kuhn, "The Hungarian Method for the Assignment Problem", 1955; the cost also looks at where the five points
 * lie, because two people who cross rarely turn their heads alike.
 */

import { area, centre, coarse5, faceSize, iou, type Face } from "./face.ts";

export const SAME_FACE = 0.2; // face sizes: five points closer than this on average belong to one face

/** Pairs (index in `known`, index in `found`) with the least sum of costs; `reach` in sizes of the known face. */
export function matchFaces(known: readonly Face[], found: readonly Face[], reach: readonly number[]): [number, number][] {
  if (!known.length || !found.length) return [];
  const costs = known.map((a, i) => found.map((b) => cost(a, b, reach[i])));
  const pairs = assign(costs.map((row) => row.map((value) => (value === Infinity ? 1e6 : value))));
  return pairs.filter(([i, j]) => costs[i][j] < Infinity);
}

/** Of faces whose points lie on one and the same face, only the first. */
export function withoutDuplicates(faces: readonly Face[]): Face[] {
  const kept: Face[] = [];
  for (const face of faces) {
    const five = coarse5(face);
    const twin = kept.some((other) => {
      const theirs = coarse5(other);
      return meanDistance(five, theirs) < SAME_FACE * Math.min(faceSize(face), faceSize(other));
    });
    if (!twin) kept.push(face);
  }
  return kept;
}

function cost(a: Face, b: Face, reach: number): number {
  const sizeA = Math.max(Math.sqrt(area(a.box)), 1e-6), sizeB = Math.max(Math.sqrt(area(b.box)), 1e-6);
  const [ax, ay] = centre(a.box), [bx, by] = centre(b.box);
  const distance = Math.hypot(ax - bx, ay - by) / sizeA, ratio = sizeB / sizeA;
  if (!(distance <= reach && ratio > 0.5 && ratio < 2)) return Infinity;
  return 1 - iou(a.box, b.box) + distance + meanDistance(shape(coarse5(a)), shape(coarse5(b)));
}

function meanDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < 10; i += 2) sum += Math.hypot(a[i] - b[i], a[i + 1] - b[i + 1]);
  return sum / 5;
}

/** Five points without place and size; turn is kept, it tells people apart. */
function shape(five: Float64Array): Float64Array {
  let x = 0, y = 0, spread = 0;
  for (let i = 0; i < 10; i += 2) {
    x += five[i] / 5;
    y += five[i + 1] / 5;
  }
  for (let i = 0; i < 10; i += 2) spread += ((five[i] - x) ** 2 + (five[i + 1] - y) ** 2) / 5;
  const size = Math.max(Math.sqrt(spread), 1e-6);
  return five.map((value, i) => (value - (i % 2 ? y : x)) / size);
}

/** The cheapest assignment of rows to columns, each at most once (shortest augmenting paths with potentials). */
export function assign(costs: readonly (readonly number[])[]): [number, number][] {
  const wide = costs[0].length >= costs.length;
  const n = wide ? costs.length : costs[0].length, m = wide ? costs[0].length : costs.length;
  const at = (i: number, j: number) => (wide ? costs[i][j] : costs[j][i]);
  const u = new Float64Array(n + 1), v = new Float64Array(m + 1);
  const owner = new Int32Array(m + 1), way = new Int32Array(m + 1); // columns and rows count from 1; 0 is nobody
  for (let i = 1; i <= n; i++) {
    owner[0] = i;
    let column = 0;
    const least = new Float64Array(m + 1).fill(Infinity), used = new Uint8Array(m + 1);
    do {
      used[column] = 1;
      const row = owner[column];
      let delta = Infinity, next = 0;
      for (let j = 1; j <= m; j++) {
        if (used[j]) continue;
        const reduced = at(row - 1, j - 1) - u[row] - v[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          way[j] = column;
        }
        if (least[j] < delta) {
          delta = least[j];
          next = j;
        }
      }
      for (let j = 0; j <= m; j++) {
        if (used[j]) {
          u[owner[j]] += delta;
          v[j] -= delta;
        } else least[j] -= delta;
      }
      column = next;
    } while (owner[column] !== 0);
    while (column) {
      owner[column] = owner[way[column]];
      column = way[column];
    }
  }
  const pairs: [number, number][] = [];
  for (let j = 1; j <= m; j++) if (owner[j]) pairs.push(wide ? [owner[j] - 1, j - 1] : [j - 1, owner[j] - 1]);
  return pairs.sort((a, b) => a[0] - b[0]);
}
