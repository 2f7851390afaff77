/** What the detector's network puts out, read into candidates: `nasion.detect.heads.read_embedded`. */

export const STRIDES = [8, 16, 32] as const;

/** One output: (15, h, w) floats. */
export interface Maps {
  data: Float32Array;
  height: number;
  width: number;
}

/** Rows x0, y0, x1, y1, score, five x, y, in px of the canvas, for cells scoring `threshold` or more. */
export function readEmbedded(outputs: readonly Maps[], threshold: number): Float32Array[] {
  const rows: Float32Array[] = [];
  outputs.forEach(({ data, height, width }, level) => {
    const stride = STRIDES[level], plane = height * width;
    for (let cell = 0; cell < plane; cell++) {
      const score = data[cell];
      if (!(score >= threshold)) continue;
      const x = cell % width, y = Math.floor(cell / width);
      const value = (channel: number) => data[channel * plane + cell];
      const cx = value(1) + x, cy = value(2) + y;
      const halfW = Math.exp(Math.min(value(3), 5)) / 2, halfH = Math.exp(Math.min(value(4), 5)) / 2;
      const row = new Float32Array(15);
      row.set([(cx - halfW) * stride, (cy - halfH) * stride, (cx + halfW) * stride, (cy + halfH) * stride, score]);
      for (let i = 0; i < 5; i++) {
        row[5 + 2 * i] = (value(5 + 2 * i) + x) * stride;
        row[6 + 2 * i] = (value(6 + 2 * i) + y) * stride;
      }
      rows.push(row);
    }
  });
  return rows;
}
