import { expect, test } from "vitest";
import { cell, COLUMNS, csv, Recording } from "../../src/logic/table.ts";
import { blink, face, frame } from "./face.ts";

function rows(recording: Recording): Record<string, string>[] {
  const [head, ...lines] = recording.parts().map((line) => line.trimEnd().split(","));
  return lines.map((cells) => Object.fromEntries(head.map((name, i) => [name, cells[i]])));
}

test("a face is a row with nasion's columns", () => {
  const recording = new Recording("clip.mp4", true);
  const one = face({ blinks: [blink(0)] });
  recording.add(frame([one], 0.5), false, one, [0.25, 0.75]);
  const [row] = rows(recording);
  expect(Object.keys(row)).toEqual([...COLUMNS]);
  expect(row).toMatchObject({
    source: "clip.mp4", frame: "0", time_s: "0.5", face: "0", track_id: "1", x0: "10", y1: "140", scheme: "dense478", yaw: "1", tx: "",
    studio_blinks: "1", studio_look_x: "0.25", error: "",
  }); // prettier-ignore
  expect(row["points"].split(" ")).toHaveLength(478 * 2);
  expect(row["z"].split(" ")).toHaveLength(478);
  expect(row["visibility"].split(" ")[0]).toBe("0.8");
});

test("a frame without a face is a row that says so, a still has no time", () => {
  const recording = new Recording("photo.jpg", false);
  recording.add(frame([], 0), true, null, null);
  const [row] = rows(recording);
  expect(row).toMatchObject({ face: "-1", time_s: "", track_id: "", score: "", points: "" });
});

test("the best score comes first, and only the main face has a look", () => {
  const recording = new Recording("clip.mp4", false);
  const [sure, unsure] = [face({ id: 7, score: 0.9 }), face({ id: 8, score: 0.5 })];
  recording.add(frame([unsure, sure], 1), false, unsure, [0.5, 0.5]);
  expect(rows(recording).map((row) => [row["face"], row["track_id"], row["studio_look_x"]])).toEqual([["0", "7", ""], ["1", "8", "0.5"]]);
});

test("cells follow the table's rules", () => {
  expect(cell(null)).toBe("");
  expect(cell(NaN)).toBe("nan");
  expect(cell(-Infinity)).toBe("-inf");
  expect(cell('a "b", c')).toBe('"a ""b"", c"');
  expect(csv(["a", "b"], [[1, null]])).toBe("a,b\r\n1,\r\n");
});
