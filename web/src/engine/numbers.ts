/** What Python's `round` and NumPy's `quantile`, `median`, `interp` do. */

/** To the nearest whole number, halves to the even one, as Python rounds. */
export function round(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest < 0.5 || (rest === 0.5 && low % 2 === 0)) return low;
  return low + 1;
}

export function clip(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

/** The number that stands at place `k` of `values[low..high]` once sorted (Hoare's quickselect; reorders in place). */
function select(values: Float64Array, k: number, low: number, high: number): number {
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low, j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        const swap = values[i];
        values[i++] = values[j];
        values[j--] = swap;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return values[k];
}

/** `numpy.quantile`, linear between order statistics; NaN of nothing. Works on a copy. */
export function quantile(values: Float64Array, q: number): number {
  const n = values.length;
  if (n === 0) return NaN;
  const copy = values.slice();
  const place = (n - 1) * q;
  const k = Math.floor(place);
  const first = select(copy, k, 0, n - 1);
  if (k === n - 1) return first;
  let next = Infinity; // all from k + 1 on are at least `first` now
  for (let i = k + 1; i < n; i++) if (copy[i] < next) next = copy[i];
  return first + (next - first) * (place - k);
}

export function median(values: Float64Array): number {
  return quantile(values, 0.5);
}

/** The first place in sorted `values` whose number is not below `x`. */
export function lowerBound(values: ArrayLike<number>, x: number): number {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `numpy.interp` at one place: lines between (xs, ys), level beyond the ends; xs rising. */
export function interpolate(x: number, xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const n = xs.length;
  if (x <= xs[0]) return ys[0];
  if (x >= xs[n - 1]) return ys[n - 1];
  let i = lowerBound(xs, x);
  if (xs[i] === x) return ys[i];
  i -= 1;
  return ys[i] + ((ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i])) * (x - xs[i]);
}
