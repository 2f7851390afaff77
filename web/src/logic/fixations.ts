/**
 * Fixations by dispersion, I-DT: Salvucci and Goldberg, "Identifying fixations and saccades in eye-tracking protocols", ETRA 2000.
 * Points are fractions of the screen; distances are shares of its diagonal, so `aspect` (width over height) is needed.
 */

export interface GazePoint {
  seconds: number;
  /** Fractions of the screen; NaN where it is not known (eyes shut, no face). */
  x: number;
  y: number;
}

export interface Fixation {
  start: number;
  end: number;
  x: number;
  y: number;
  /** Of its points from its centre, root mean square, share of the diagonal. */
  spread: number;
  points: number;
}

export const SHORTEST_S = 0.15;
const LONGEST_GAP_S = 0.4; // a blink may lie within a fixation, longer absences end it

/** Fixations in order of time; `dispersion` is the largest extent (width plus height) of one, share of the diagonal. */
export function fixations(points: readonly GazePoint[], aspect: number, dispersion: number, shortest = SHORTEST_S): Fixation[] {
  const known = points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  const [across, down] = unit(aspect);
  const out: Fixation[] = [];
  let first = 0;
  while (first < known.length) {
    let end = first;
    let [low, high, left, right] = [Infinity, -Infinity, Infinity, -Infinity];
    while (end < known.length && (end === first || known[end].seconds - known[end - 1].seconds <= LONGEST_GAP_S)) {
      const { x, y } = known[end];
      [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
      if ((right - left) * across + (high - low) * down > dispersion) break;
      end++;
    }
    const held = known.slice(first, end);
    if (held.length > 1 && held.at(-1)!.seconds - held[0].seconds >= shortest) {
      out.push(summary(held, across, down));
      first = end;
    } else first++;
  }
  return out;
}

function summary(held: readonly GazePoint[], across: number, down: number): Fixation {
  const x = held.reduce((sum, point) => sum + point.x, 0) / held.length;
  const y = held.reduce((sum, point) => sum + point.y, 0) / held.length;
  const square = held.reduce((sum, point) => sum + ((point.x - x) * across) ** 2 + ((point.y - y) * down) ** 2, 0);
  return { start: held[0].seconds, end: held.at(-1)!.seconds, x, y, spread: Math.sqrt(square / held.length), points: held.length };
}

/** Width and height of a screen whose diagonal is 1. */
export function unit(aspect: number): [number, number] {
  const diagonal = Math.hypot(aspect, 1);
  return [aspect / diagonal, 1 / diagonal];
}
