/** The little linear algebra that NumPy does for the Python side. Matrices are row-major arrays of doubles. */

/** Solves the n x n system `a` x = `b` (n x m), Gaussian elimination with partial pivoting; both are overwritten. */
export function solve(a: Float64Array, b: Float64Array, n: number, m: number): Float64Array {
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[pivot * n + k])) pivot = i;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j], a[k * n + j]];
      for (let j = 0; j < m; j++) [b[k * m + j], b[pivot * m + j]] = [b[pivot * m + j], b[k * m + j]];
    }
    for (let i = k + 1; i < n; i++) {
      const factor = a[i * n + k] / a[k * n + k];
      if (factor === 0) continue;
      for (let j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
      for (let j = 0; j < m; j++) b[i * m + j] -= factor * b[k * m + j];
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = 0; j < m; j++) {
      let sum = b[k * m + j];
      for (let i = k + 1; i < n; i++) sum -= a[k * n + i] * b[i * m + j];
      b[k * m + j] = sum / a[k * n + k];
    }
  }
  return b;
}

/**
 * Eigenvalues (falling) and eigenvectors of a symmetric 3 x 3 matrix, by Jacobi's rotations.
 *
 * @returns `values` (3) and `vectors` (9), vector k in `vectors[3 k .. 3 k + 2]`.
 */
export function eigen3(symmetric: ArrayLike<number>): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(symmetric);
  const v = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1); // columns are vectors
  for (let sweep = 0; sweep < 30; sweep++) {
    const off = a[1] * a[1] + a[2] * a[2] + a[5] * a[5];
    if (off < 1e-30 * (a[0] * a[0] + a[4] * a[4] + a[8] * a[8])) break;
    for (const [p, q] of PAIRS) {
      const apq = a[3 * p + q];
      if (apq === 0) continue;
      const theta = (a[4 * q] - a[4 * p]) / (2 * apq);
      const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      const s = t * c;
      for (let k = 0; k < 3; k++) {
        const x = a[3 * k + p], y = a[3 * k + q];
        a[3 * k + p] = c * x - s * y;
        a[3 * k + q] = s * x + c * y;
      }
      for (let k = 0; k < 3; k++) {
        const x = a[3 * p + k], y = a[3 * q + k];
        a[3 * p + k] = c * x - s * y;
        a[3 * q + k] = s * x + c * y;
        const vx = v[3 * k + p], vy = v[3 * k + q];
        v[3 * k + p] = c * vx - s * vy;
        v[3 * k + q] = s * vx + c * vy;
      }
    }
  }
  const order = [0, 1, 2].sort((i, j) => a[4 * j] - a[4 * i]);
  const values = new Float64Array(3), vectors = new Float64Array(9);
  order.forEach((from, to) => {
    values[to] = a[4 * from];
    for (let k = 0; k < 3; k++) vectors[3 * to + k] = v[3 * k + from];
  });
  return { values, vectors };
}

const PAIRS = [[0, 1], [0, 2], [1, 2]] as const;

export type Vector = [number, number, number];

export function cross(a: ArrayLike<number>, b: ArrayLike<number>): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** The product of two row-major 3 x 3 matrices. */
export function times(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
  return out;
}

export function transposed(a: ArrayLike<number>): Float64Array {
  return Float64Array.of(a[0], a[3], a[6], a[1], a[4], a[7], a[2], a[5], a[8]);
}
