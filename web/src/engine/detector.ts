/** Finds faces: `nasion.detect.detector`, with the embedded network. */

import { back, fit } from "./canvas.ts";
import type { Face } from "./face.ts";
import { readEmbedded, STRIDES } from "./heads.ts";
import type { Model } from "./model.ts";
import { best } from "./suppression.ts";
import type { Picture } from "./types.ts";

export const LONGEST = 640; // px of a picture's longer side that the network sees, at most
export const ENLARGED = 1.28; // a smaller picture is made at most this many times larger
export const DEFAULT_THRESHOLD = 0.65;

export class FaceDetector {
  constructor(private readonly model: Model, private readonly threshold = DEFAULT_THRESHOLD) {}

  /** The faces of one picture, best score first, each with its five points. */
  async detect(picture: Picture): Promise<Face[]> {
    const canvas = fit(picture, LONGEST, ENLARGED);
    const out = await this.model.run("image", canvas.planes, [1, 3, canvas.rows, canvas.columns]);
    const maps = STRIDES.map((stride) => {
      const { data, dims } = out[`stride${stride}`];
      return { data, height: dims[2], width: dims[3] };
    });
    const rows = readEmbedded(maps, this.threshold);
    for (const row of rows) back(row, canvas.scale);
    return best(rows).map((row) => ({
      box: [row[0], row[1], row[2], row[3]],
      score: row[4],
      points: row.slice(5, 15),
      visibility: new Float32Array(0),
      sigma: new Float32Array(0),
      id: -1,
    }));
  }
}
