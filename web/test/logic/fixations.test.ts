import { expect, test } from "vitest";
import { fixations, type GazePoint } from "../../src/logic/fixations.ts";
import { heatColour, heatMap } from "../../src/logic/heat.ts";

/** 0.5 s at each place, 30 points a second, with a little scatter. */
function looking(places: [number, number][]): GazePoint[] {
  return places.flatMap(([x, y], k) =>
    Array.from({ length: 15 }, (_, i) => ({ seconds: k * 0.5 + i / 30, x: x + 0.004 * Math.sin(7 * i), y: y + 0.004 * Math.cos(5 * i) })),
  );
}

test("each place is one fixation", () => {
  const found = fixations(looking([[0.2, 0.2], [0.8, 0.2], [0.5, 0.8]]), 16 / 9, 0.08);
  expect(found).toHaveLength(3);
  expect(found[1].x).toBeCloseTo(0.8, 2);
  expect(found[1].start).toBeCloseTo(0.5, 2);
  expect(found[1].end - found[1].start).toBeGreaterThan(0.4);
  expect(found[1].spread).toBeLessThan(0.01);
});

test("a blink may lie within a fixation, a long absence ends it", () => {
  const [one] = [looking([[0.5, 0.5], [0.5, 0.5]])];
  const blinked = one.map((point, i) => (i >= 12 && i < 17 ? { ...point, x: NaN, y: NaN } : point));
  expect(fixations(blinked, 16 / 9, 0.08)).toHaveLength(1);
  const away = [...looking([[0.5, 0.5]]), ...looking([[0.5, 0.5]]).map((point) => ({ ...point, seconds: point.seconds + 3 }))];
  expect(fixations(away, 16 / 9, 0.08)).toHaveLength(2);
});

test("eyes that wander make none", () => {
  const wander = Array.from({ length: 60 }, (_, i) => ({ seconds: i / 30, x: i / 60, y: 0.5 }));
  expect(fixations(wander, 16 / 9, 0.05)).toHaveLength(0);
});

test("distances go by the diagonal: the same share of the width is more than of the height", () => {
  const along = (axis: "x" | "y") => Array.from({ length: 12 }, (_, i) => ({ seconds: i / 30, x: 0.5, y: 0.5, [axis]: 0.5 + (i % 2) * 0.1 }));
  expect(fixations(along("x"), 16 / 9, 0.07)).toHaveLength(0);
  expect(fixations(along("y"), 16 / 9, 0.07)).toHaveLength(1);
});

test("heat is the time looked, and highest where it was longest", () => {
  const heat = heatMap(looking([[0.25, 0.5], [0.75, 0.5], [0.75, 0.5]]), 16 / 9, 0.04);
  const at = (x: number, y: number) => heat.values[Math.round(y * heat.height) * heat.width + Math.round(x * heat.width)];
  expect(at(0.75, 0.5)).toBeGreaterThan(1.6 * at(0.25, 0.5));
  expect(at(0.25, 0.5)).toBeGreaterThan(0.3);
  expect(heat.peak).toBeLessThan(1.3); // no more than a second was looked at anything
  expect(at(0.5, 0.1)).toBeLessThan(0.01);
});

test("looks beside the screen and unknown ones leave no heat", () => {
  expect(heatMap([{ seconds: 0, x: NaN, y: NaN }, { seconds: 0.1, x: 1.4, y: 0.5 }, { seconds: 0.2, x: 1.4, y: 0.5 }], 1, 0.05).peak).toBe(0);
});

test("cold is clear, hot is not", () => {
  expect(heatColour(0)[3]).toBe(0);
  expect(heatColour(1)[3]).toBeGreaterThan(150);
  expect(heatColour(7)).toEqual(heatColour(1));
});
