/** The openness of both eyes over the last seconds, with the blinks marked. */
import type { Blink, FaceReading } from "../engine/types.ts";
import { colour, fitted } from "./dom.ts";

export const SPAN_S = 20;
const GAP_S = 0.5; // longer without a face: the line breaks
const [TOP, BOTTOM] = [1.15, -0.05]; // openness at the edges

interface Sample {
  seconds: number;
  left: number;
  right: number;
}

export class Curve {
  private samples: Sample[] = [];
  private blinks: Blink[] = [];
  private now = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  clear(): void {
    this.samples = [];
    this.blinks = [];
    this.now = 0;
    this.draw();
  }

  /** Take in a frame; drawn later, where it can be seen. */
  add(face: FaceReading | null, seconds: number): void {
    this.now = seconds;
    if (face) {
      const of = (eye: FaceReading["left"]) => (eye.reliability >= 0.5 ? eye.openness : NaN);
      this.samples.push({ seconds, left: of(face.left), right: of(face.right) });
      this.blinks = face.blinks.slice(-40);
    }
    while (this.samples.length && this.samples[0].seconds < seconds - SPAN_S - 1) this.samples.shift();
  }

  draw(): void {
    const { pen, width, height } = fitted(this.canvas);
    const floor = height - 16;
    const x = (seconds: number) => width - ((this.now - seconds) / SPAN_S) * width;
    const y = (open: number) => floor * (1 - (Math.min(Math.max(open, BOTTOM), TOP) - BOTTOM) / (TOP - BOTTOM));
    pen.clearRect(0, 0, width, height);
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "alphabetic";
    pen.strokeStyle = colour("line");
    pen.fillStyle = colour("soft");
    pen.lineWidth = 1;
    for (const open of [0, 0.5, 1]) {
      pen.beginPath();
      pen.moveTo(0, Math.round(y(open)) + 0.5);
      pen.lineTo(width, Math.round(y(open)) + 0.5);
      pen.stroke();
    }
    for (let back = 5; back < SPAN_S; back += 5) {
      pen.textAlign = "center";
      pen.fillText(`−${back} s`, x(this.now - back), height - 2);
    }
    pen.textAlign = "left";
    pen.fillText("shut", 2, y(0) - 4);
    pen.fillText("open", 2, y(1) - 4);
    this.drawBlinks(pen, x, floor);
    this.drawLine(pen, x, y, "right");
    this.drawLine(pen, x, y, "left");
  }

  private drawBlinks(pen: CanvasRenderingContext2D, x: (s: number) => number, floor: number): void {
    pen.fillStyle = colour("blink");
    for (const { start, end } of this.blinks) {
      if (end < this.now - SPAN_S) continue;
      pen.globalAlpha = 0.2;
      pen.fillRect(x(start), 0, Math.max(3, x(end) - x(start)), floor);
      pen.globalAlpha = 1;
      pen.fillRect(x(start), 0, Math.max(3, x(end) - x(start)), 3);
    }
  }

  private drawLine(pen: CanvasRenderingContext2D, x: (s: number) => number, y: (o: number) => number, side: "left" | "right"): void {
    pen.beginPath();
    let before: Sample | null = null;
    for (const sample of this.samples) {
      const broken = !before || sample.seconds - before.seconds > GAP_S || !Number.isFinite(before[side]);
      if (Number.isFinite(sample[side])) pen[broken ? "moveTo" : "lineTo"](x(sample.seconds), y(sample[side]));
      before = sample;
    }
    pen.strokeStyle = colour(side);
    pen.lineWidth = 1.8;
    pen.lineJoin = "round";
    pen.stroke();
  }
}
