/**
 * What was recorded, as nasion's table: the same columns, CSV rules and kinds of rows as `nasion video --out F.csv`, so that
 * `nasion.media.read_table` reads it. Columns of readings that only the studio has begin with `studio_`.
 */
import type { FaceReading, FrameReading } from "../engine/types.ts";

export const COLUMNS = [
  "source", "frame", "time_s", "face", "track_id", "score", "x0", "y0", "x1", "y1", "scheme", "points", "z", "visibility", "sigma",
  "yaw", "pitch", "roll", "tx", "ty", "tz", "pose_reliability", "pose_reason", "eye_left", "eye_right", "eyes_reliability", "eyes_reason",
  "lids_left", "lids_right", "lids_left_reliability", "lids_right_reliability", "studio_openness_left", "studio_openness_right",
  "studio_blinks", "studio_distance_mm", "studio_look_x", "studio_look_y", "error",
] as const; // prettier-ignore

type Column = (typeof COLUMNS)[number];
type Cell = string | number | null;
type Row = Partial<Record<Column, Cell>>;

/** Rows of text, kept as they come. */
export class Recording {
  private readonly lines: string[] = [];
  private frame = 0;
  private began: number | null = null;
  private ended = 0;

  /** `withPoints`: whether all 478 points go in, about 12 kB a row. */
  constructor(
    readonly source: string,
    readonly withPoints: boolean,
  ) {}

  get frames(): number {
    return this.frame;
  }

  get seconds(): number {
    return this.began === null ? 0 : this.ended - this.began;
  }

  /** Add a frame; `look` is where on the screen the main face looks, where that is known. Stills have no time. */
  add(reading: FrameReading, still: boolean, main: FaceReading | null, look: [number, number] | null): void {
    this.began ??= reading.seconds;
    this.ended = reading.seconds;
    const front: Row = { source: this.source, frame: this.frame++, time_s: still ? null : reading.seconds };
    if (!reading.faces.length) this.lines.push(line({ ...front, face: -1 }));
    const ordered = [...reading.faces].sort((a, b) => b.score - a.score);
    for (const [number, face] of ordered.entries()) {
      const row = { ...front, face: number, ...this.row(face), track_id: still ? null : face.id };
      this.lines.push(line(face === main && look ? { ...row, studio_look_x: look[0], studio_look_y: look[1] } : row));
    }
  }

  parts(): string[] {
    return [`${COLUMNS.join(",")}\r\n`, ...this.lines];
  }

  private row(face: FaceReading): Row {
    const { box, pose, left, right } = face;
    const row: Row = {
      score: face.score, x0: box[0], y0: box[1], x1: box[2], y1: box[3], yaw: pose.yaw, pitch: pose.pitch, roll: pose.roll,
      lids_left: left.angle, lids_right: right.angle, lids_left_reliability: left.reliability, lids_right_reliability: right.reliability,
      studio_openness_left: left.openness, studio_openness_right: right.openness, studio_blinks: face.blinks.length,
      studio_distance_mm: pose.distance,
    }; // prettier-ignore
    return this.withPoints ? { ...row, ...pointCells(face) } : row;
  }
}

function pointCells(face: FaceReading): Row {
  const flat: string[] = [];
  const depth: string[] = [];
  for (let i = 0; i < face.points.length; i += 3) {
    flat.push(short(face.points[i]), short(face.points[i + 1]));
    depth.push(short(face.points[i + 2]));
  }
  const list = (values: Float32Array) => Array.from(values, short).join(" ");
  return { scheme: "dense478", points: flat.join(" "), z: depth.join(" "), visibility: list(face.visibility), sigma: list(face.sigma) };
}

/** Hundredths of a pixel are far below what the points are good for. */
function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(3))) : "nan";
}

function line(row: Row): string {
  return `${COLUMNS.map((name) => cell(row[name] ?? null)).join(",")}\r\n`;
}

/** One cell: null is empty, NaN is `nan`, text is quoted where it must be. */
export function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Any rows as CSV. */
export function csv(columns: readonly string[], rows: readonly Cell[][]): string {
  return [columns, ...rows].map((row) => `${row.map((value) => cell(value)).join(",")}\r\n`).join("");
}
