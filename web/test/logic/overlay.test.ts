import { expect, test } from "vitest";
import { axisEnds, placed } from "../../src/ui/overlay.ts";

test("a picture is shown whole, in the middle", () => {
  expect(placed(800, 400, 400, 400)).toEqual({ x: 200, y: 0, scale: 1 });
  expect(placed(200, 400, 400, 400)).toEqual({ x: 0, y: 100, scale: 0.5 });
});

test("a head that looks into the lens has its axes along the picture's", () => {
  const [right, down, out] = axisEnds(0, 0, 0);
  expect([right.x, right.y, down.x, down.y, out.x, out.y].map((v) => v + 0)).toEqual([1, 0, 0, 1, 0, 0].map((v) => expect.closeTo(v)));
  expect(out.depth).toBe(-1); // towards the viewer
});

test("signs as everywhere in nasion: yaw > 0 turns to image-left, pitch > 0 looks up, roll > 0 tilts clockwise", () => {
  expect(axisEnds(30, 0, 0)[2].x).toBeCloseTo(-0.5);
  expect(axisEnds(0, 30, 0)[2].y).toBeCloseTo(-0.5);
  expect(axisEnds(0, 0, 30)[0].y).toBeCloseTo(0.5);
});
