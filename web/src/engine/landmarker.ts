/** Points, visibility, sigma and presence: `nasion.landmark.landmarker`, the embedded network's 478 points. */

import { coarse5, DENSE, type Face } from "./face.ts";
import { MIRRORED } from "./mirrored.ts";
import type { Model } from "./model.ts";
import type { Picture } from "./types.ts";
import { cut, moved, viewMatrix, type Matrix } from "./view.ts";

export const SIZE = 128; // px of a crop
export const FAR = 0.23; // share of the crop that its corners may be off for its answer to count
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
   * @param passes looks at a face, each at a crop cut anew from the points just placed, every other one mirrored;
   *   the answers are averaged, presence is that of the last; one more where the crop before the last was far off.
   * @returns null for a face whose points admit no view.
   */
  async place(picture: Picture, faces: readonly Face[], passes: number): Promise<(Placement | null)[]> {
    const crops = faces.map((face) => viewMatrix(coarse5(face), SIZE));
    const todo = faces.map((_, i) => i).filter((i) => crops[i] !== null);
    const looks: Placement[][] = faces.map(() => []);
    for (let number = 0; number < passes; number++) {
      const last = number === passes - 1;
      await this.look(picture, faces, crops, todo, looks, number % 2 === 1, !last);
    }
    const lost = passes > 1 ? todo.filter((i) => looks[i].length === 1) : [];
    for (const i of lost) recut(faces[i], i, crops, looks);
    await this.look(picture, faces, crops, lost, looks, false, false);
    return looks.map((some) => (some.length ? mean(some) : null));
  }

  /** One more answer for the faces of `todo`; then, if wanted, the crops that these ask for. */
  private async look(
    picture: Picture, faces: readonly Face[], crops: (Matrix | null)[], todo: readonly number[], looks: Placement[][],
    mirrored: boolean, anew: boolean,
  ): Promise<void> {
    for (let start = 0; start < todo.length; start += BATCH) {
      const chunk = todo.slice(start, start + BATCH);
      const found = await this.once(picture, chunk.map((i) => crops[i] as Matrix), mirrored);
      chunk.forEach((i, k) => {
        looks[i].push(found[k]);
        if (anew) recut(faces[i], i, crops, looks);
      });
    }
  }

  private async once(picture: Picture, matrices: readonly Matrix[], mirrored: boolean): Promise<Placement[]> {
    const n = matrices.length, bytes = SIZE * SIZE * 3;
    matrices.forEach((matrix, i) => {
      cut(picture, matrix, SIZE, this.crops, i * bytes);
      if (mirrored) mirror(this.crops.subarray(i * bytes, (i + 1) * bytes));
    });
    const out = await this.model.run("crops", this.crops.subarray(0, n * bytes), [n, SIZE, SIZE, 3]);
    return matrices.map((matrix, i) => placement(out, i, matrix, mirrored));
  }
}

/** The crop that face `i`'s last answer asks for; answers before a jump do not count, that one included. */
function recut(face: Face, i: number, crops: (Matrix | null)[], looks: Placement[][]): void {
  const { points } = looks[i][looks[i].length - 1];
  const anew = viewMatrix(coarse5({ ...face, points }), SIZE);
  if (anew === null) return;
  if (moved(crops[i] as Matrix, anew, SIZE) > FAR * SIZE) looks[i].length = 0;
  crops[i] = anew;
}

/** Left and right of a crop change places. */
function mirror(crop: Uint8Array): void {
  const line = 3 * SIZE;
  for (let row = 0; row < crop.length; row += line)
    for (let left = row, right = row + line - 3; left < right; left += 3, right -= 3)
      for (let k = 0; k < 3; k++) [crop[left + k], crop[right + k]] = [crop[right + k], crop[left + k]];
}

/** The mean of some looks at one face. */
function mean(looks: readonly Placement[]): Placement {
  const last = looks[looks.length - 1];
  if (looks.length === 1) return last;
  const of = (name: "points" | "visibility" | "sigma") =>
    last[name].map((_, k) => looks.reduce((sum, look) => sum + look[name][k], 0) / looks.length);
  return { points: of("points"), visibility: of("visibility"), sigma: of("sigma"), presence: last.presence };
}

/** What the network says about crop `i`, in px of the picture. */
function placement(
  out: Record<string, { data: Float32Array }>, i: number, [a, , c, d, , f]: Matrix, mirrored: boolean,
): Placement {
  const square = a * a + d * d, size = Math.sqrt(square); // crop px per image px
  const dense = out["dense478"].data, all = SPARSE + DENSE;
  const points = new Float32Array(3 * DENSE);
  const visibility = new Float32Array(DENSE), sigma = new Float32Array(DENSE);
  for (let k = 0; k < DENSE; k++) {
    const from = mirrored ? MIRRORED[k] : k, at = 3 * (i * DENSE + from), trust = i * all + SPARSE + from;
    const x = (mirrored ? SIZE - 1 - dense[at] : dense[at]) - c, y = dense[at + 1] - f;
    points[3 * k] = (x * a + y * d) / square; // the inverse of a similarity is its transpose over the square
    points[3 * k + 1] = (y * a - x * d) / square;
    points[3 * k + 2] = dense[at + 2] / size;
    visibility[k] = out["visibility"].data[trust];
    sigma[k] = out["sigma"].data[trust] / size;
  }
  return { points, visibility, sigma, presence: out["presence"].data[i] };
}
