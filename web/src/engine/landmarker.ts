/** Points, visibility, sigma and presence: `nasion.landmark.landmarker`, the embedded network's 478 points. */

import { coarse5, DENSE, type Face } from "./face.ts";
import type { Model } from "./model.ts";
import type { Picture } from "./types.ts";
import { cut, moved, viewMatrix, type Matrix } from "./view.ts";

export const SIZE = 128; // px of a crop
export const OFF = 0.094; // share of the crop that its corners must be off before it is cut anew
export const BATCH = 8; // crops a run
const SPARSE = 68; // points of ibug68, which come first in visibility and sigma

export interface Placement {
  points: Float32Array;
  visibility: Float32Array;
  sigma: Float32Array;
  presence: number;
}

export class Landmarker {
  private readonly crops = new Uint8Array(BATCH * SIZE * SIZE * 3);

  constructor(private readonly model: Model) {}

  /**
   * Points of each face, in px of the picture.
   *
   * @param faces with a detector's five points or the last frame's.
   * @param passes how many crops at most, each cut anew from the points just placed if these say the last was off.
   * @returns null for a face whose points admit no view.
   */
  async place(picture: Picture, faces: readonly Face[], passes: number): Promise<(Placement | null)[]> {
    const placements: (Placement | null)[] = faces.map(() => null);
    const crops = faces.map((face) => viewMatrix(coarse5(face), SIZE));
    let todo = faces.map((_, i) => i).filter((i) => crops[i] !== null);
    for (let number = 0; number < passes && todo.length; number++) {
      for (let start = 0; start < todo.length; start += BATCH) {
        const chunk = todo.slice(start, start + BATCH);
        const found = await this.once(picture, chunk.map((i) => crops[i] as Matrix));
        chunk.forEach((i, k) => (placements[i] = found[k]));
      }
      if (number === passes - 1) break;
      todo = todo.filter((i) => {
        const anew = viewMatrix(coarse5({ ...faces[i], points: (placements[i] as Placement).points }), SIZE);
        const off = anew !== null && moved(crops[i] as Matrix, anew, SIZE) > OFF * SIZE;
        if (off) crops[i] = anew;
        return off;
      });
    }
    return placements;
  }

  private async once(picture: Picture, matrices: readonly Matrix[]): Promise<Placement[]> {
    const n = matrices.length, bytes = SIZE * SIZE * 3;
    matrices.forEach((matrix, i) => cut(picture, matrix, SIZE, this.crops, i * bytes));
    const out = await this.model.run("crops", this.crops.subarray(0, n * bytes), [n, SIZE, SIZE, 3]);
    return matrices.map((matrix, i) => placement(out, i, matrix));
  }
}

/** What the network says about crop `i`, in px of the picture. */
function placement(out: Record<string, { data: Float32Array }>, i: number, [a, , c, d, , f]: Matrix): Placement {
  const square = a * a + d * d, size = Math.sqrt(square); // crop px per image px
  const dense = out["dense478"].data, all = SPARSE + DENSE;
  const points = new Float32Array(3 * DENSE);
  for (let k = 0, at = i * 3 * DENSE; k < 3 * DENSE; k += 3, at += 3) {
    const x = dense[at] - c, y = dense[at + 1] - f; // the inverse of a similarity is its transpose over the square
    points[k] = (x * a + y * d) / square;
    points[k + 1] = (y * a - x * d) / square;
    points[k + 2] = dense[at + 2] / size;
  }
  const visibility = out["visibility"].data.slice(i * all + SPARSE, (i + 1) * all);
  const sigma = out["sigma"].data.slice(i * all + SPARSE, (i + 1) * all).map((value) => value / size);
  return { points, visibility, sigma, presence: out["presence"].data[i] };
}
