/** Calibration: the dot that is followed, and what came of it. */
import { CAPTURE_S, PURSUIT_S, SETTLE_S, TARGETS } from "../engine/targets.ts";
import type { Sample } from "../engine/types.ts";
import { Capture, still, weakSteps, type Step } from "../logic/capture.ts";
import { mainFace } from "../logic/lids.ts";
import { byId, calm, colour, fitted, say } from "./dom.ts";
import type { FullScreen } from "./fullScreen.ts";
import { Gazer, leftOut } from "./gazer.ts";
import { drawPicture } from "./overlay.ts";
import type { Moment } from "./session.ts";

const COUNTDOWN_S = 1.5;
const FIGURES = 2; // turns of the dot that keeps moving; the first half second does not count
const MIDDLE = 0.3; // share of the picture's width and height that the face may be off its centre

type Kind = "nine" | "five" | "pursuit";

export class CalibrateView {
  private capture: Capture | null = null;
  private began = 0;
  private kind: Kind = "nine";
  private groups: Sample[][] = [];
  private skipped = 0;
  private repeating: number[] | null = null;
  private targets: [number, number][] = [];
  private looks: [number, number][][] = []; // of each group, by a calibration that never saw it
  private weak: number[] = [];

  constructor(
    private readonly gazer: Gazer,
    private readonly screen: FullScreen,
    private readonly done: () => void,
  ) {
    byId("calibrate").addEventListener("click", () => void this.start(null));
    byId("repeat-weak").addEventListener("click", () => void this.start(this.weak));
    byId("forget").addEventListener("click", () => this.forget());
  }

  /** Whether a run is on: then other keys rest. */
  get running(): boolean {
    return this.capture !== null;
  }

  /** Every frame that was read. */
  moment(moment: Moment, visible: boolean): void {
    if (this.capture && this.began) this.capture.add(moment.reading.seconds - this.began, moment.face?.gaze ?? null);
    if (!visible || this.capture) return;
    const { pen, width, height } = fitted(byId<HTMLCanvasElement>("preview"));
    drawPicture(pen, width, height, moment.bitmap, moment.reading.faces, moment.face, { points: true, axes: false, mirrored: true });
    this.check(moment);
  }

  /** Whether a camera runs; calibrating from a recorded video would tell nothing about this screen. */
  source(kind: "camera" | "video" | "photo" | null): void {
    mark("camera", kind === "camera");
    if (kind !== "camera") for (const name of ["face", "eyes", "middle"]) mark(name, false);
    byId("calibrate-camera").hidden = kind === "camera";
    byId<HTMLButtonElement>("calibrate").disabled = kind !== "camera";
    byId<HTMLButtonElement>("repeat-weak").disabled = kind !== "camera";
    if (kind === null) {
      const { pen, width, height } = fitted(byId<HTMLCanvasElement>("preview"));
      pen.clearRect(0, 0, width, height);
      if (this.capture) this.stop("The camera stopped, so the calibration did, too.");
    }
  }

  redraw(): void {
    if (this.gazer.calibration) this.drawMap();
  }

  private check({ reading, bitmap }: Moment): void {
    const face = mainFace(reading.faces);
    mark("face", reading.faces.length === 1);
    mark("eyes", Boolean(face?.gaze));
    if (!face) return mark("middle", false);
    const [x0, y0, x1, y1] = face.box;
    const off = Math.max(Math.abs((x0 + x1) / 2 / bitmap.width - 0.5), Math.abs((y0 + y1) / 2 / bitmap.height - 0.5));
    mark("middle", off < MIDDLE);
  }

  private async start(repeating: number[] | null): Promise<void> {
    this.repeating = repeating;
    if (!repeating) this.kind = document.querySelector<HTMLInputElement>('input[name="kind"]:checked')?.value as Kind;
    const points = this.kind === "pursuit" ? [] : TARGETS[this.kind];
    const steps: Step[] =
      this.kind === "pursuit"
        ? [{ place: TARGETS.pursuit, settle: 0.5, capture: FIGURES * PURSUIT_S - 0.5 }]
        : still(repeating ? repeating.map((i) => points[i]) : points, SETTLE_S, CAPTURE_S);
    if (!repeating) this.targets = [...points];
    this.capture = new Capture(steps);
    this.began = 0;
    const begin = () => {
      if (!this.began && this.capture) this.run(this.capture);
    };
    await this.screen.open(false, () => this.stop("Calibration stopped."), (event) => (event.key === " " || event.key === "Enter") && begin());
    byId("overlay").onclick = begin;
    this.screen.say(
      `Look at the dot and follow it with your eyes only.<small><kbd>Space</kbd> or a click begins, <kbd>Esc</kbd> stops.</small>`,
    );
    this.screen.animate((pen, width, height, seconds) => {
      pen.clearRect(0, 0, width, height);
      dot(pen, steps[0].place(0), width, height, false, calm() ? 0.5 : 0.5 + 0.5 * Math.sin(3 * seconds));
      return !this.began;
    });
  }

  private run(capture: Capture): void {
    this.screen.say("");
    this.began = performance.now() / 1000 + COUNTDOWN_S;
    this.screen.animate((pen, width, height) => {
      const stage = capture.stage(performance.now() / 1000 - this.began);
      pen.clearRect(0, 0, width, height);
      if (stage) dot(pen, stage.target, width, height, stage.capturing, stage.share);
      else if (this.capture) setTimeout(() => this.finish(capture), 120); // the last frames are still being read
      return stage !== null && this.capture !== null;
    });
  }

  private stop(why: string): void {
    this.capture = null;
    this.began = 0;
    this.screen.close();
    say(why);
  }

  private finish(capture: Capture): void {
    if (this.capture !== capture) return;
    this.stop("Calibration done.");
    if (this.repeating) for (const [i, point] of this.repeating.entries()) this.groups[point] = capture.samples[i];
    else this.groups = this.kind === "pursuit" ? stretches(capture.samples[0]) : capture.samples;
    this.skipped = capture.leftOut + (this.repeating ? this.skipped : 0);
    this.work();
  }

  private work(): void {
    const samples = this.groups.flat();
    byId("calibration-result").hidden = false;
    const width = Number(byId<HTMLInputElement>("screen-width").value) || null;
    const screen = Gazer.screen(width);
    try {
      const { errorOfScreen, reason } = this.gazer.set(samples, screen);
      const apart = leftOut(this.groups, screen);
      this.looks = apart.map(({ looks }) => looks);
      const errors = apart.map(({ error }) => error);
      this.weak = this.kind === "pursuit" ? [] : weakSteps(this.groups.map((group) => group.length), errors);
      const diagonal = Math.hypot(screen.width, screen.height) / 10;
      byId("error-share").textContent = `${(100 * errorOfScreen).toFixed(1)} %`;
      byId("error-cm").textContent = width ? `${(errorOfScreen * diagonal).toFixed(1)} cm` : "–";
      byId("guard").textContent = `${sentence(reason)} The error is that on targets left out.`;
      say(`Calibration done. Error ${(100 * errorOfScreen).toFixed(1)} percent of the screen's diagonal.`);
    } catch (error) {
      this.gazer.forget();
      this.looks = [];
      this.weak = [];
      for (const id of ["error-share", "error-cm"]) byId(id).textContent = "–";
      byId("guard").textContent = sentence(error instanceof Error ? error.message : String(error));
      say("Calibration failed.");
    }
    byId("frames-used").textContent = String(samples.length);
    byId("frames-left").textContent = String(this.skipped);
    byId("weak-note").textContent = this.weak.length
      ? `${this.weak.length} of ${this.targets.length} points are weak: too few frames, or far off the others.`
      : "Left out were frames with shut or hidden eyes.";
    byId("repeat-weak").hidden = !this.weak.length;
    byId<HTMLButtonElement>("go-gaze").disabled = !this.gazer.calibration;
    this.drawMap();
    this.done();
    byId("calibration-result").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
  }

  private forget(): void {
    this.gazer.forget();
    this.groups = [];
    byId("calibration-result").hidden = true;
    this.done();
    say("The calibration is forgotten.");
  }

  private drawMap(): void {
    const { pen, width, height } = fitted(byId<HTMLCanvasElement>("calibration-map"));
    const at = ([x, y]: [number, number]) => [x * width, y * height] as const;
    pen.clearRect(0, 0, width, height);
    if (this.kind === "pursuit") this.drawPursuit(pen, width, height);
    for (const [i, target] of this.targets.entries()) {
      const looks = this.looks[i] ?? [];
      const [x, y] = at(target);
      if (looks.length) {
        const [u, v] = at([0, 1].map((axis) => looks.reduce((sum, look) => sum + look[axis], 0) / looks.length) as [number, number]);
        line(pen, x, y, u, v, colour(this.weak.includes(i) ? "bad" : "soft"));
        spot(pen, u, v, 5, colour(this.weak.includes(i) ? "bad" : "accent"));
      }
      ring(pen, x, y, 8, colour("ink"));
    }
  }

  private drawPursuit(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const targets = this.groups.flat().map(({ target }) => target);
    for (const [i, [x, y]] of this.looks.flat().entries()) {
      line(pen, targets[i][0] * width, targets[i][1] * height, x * width, y * height, colour("line"));
      spot(pen, x * width, y * height, 2.5, colour("accent"));
    }
    pen.beginPath();
    for (let t = 0; t <= PURSUIT_S; t += 0.02) pen.lineTo(TARGETS.pursuit(t)[0] * width, TARGETS.pursuit(t)[1] * height);
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 1;
    pen.stroke();
  }
}

/** A moving target's samples in eight pieces, so that pieces can be left out. */
function stretches(samples: Sample[]): Sample[][] {
  return Array.from({ length: 8 }, (_, i) => samples.slice(Math.floor((i * samples.length) / 8), Math.floor(((i + 1) * samples.length) / 8)));
}

function mark(name: string, ok: boolean): void {
  const item = byId(`check-${name}`);
  if (item.dataset["ok"] !== String(ok)) item.dataset["ok"] = String(ok);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** The target: a ring that closes in while eyes find it, then a filling ring around a point. */
function dot(pen: CanvasRenderingContext2D, [x, y]: [number, number], width: number, height: number, capturing: boolean, share: number): void {
  const [u, v] = [x * width, y * height];
  const wide = capturing || calm() ? 15 : 30 - 15 * Math.min(1, 1.6 * share);
  ring(pen, u, v, wide, "rgb(233 239 238 / 0.35)", 3);
  if (capturing) {
    pen.beginPath();
    pen.arc(u, v, wide, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * share);
    pen.strokeStyle = "#6fd8c3";
    pen.lineWidth = 3;
    pen.stroke();
  }
  spot(pen, u, v, 6, capturing ? "#6fd8c3" : "#e9efee");
  spot(pen, u, v, 1.8, "#0d1214");
}

function ring(pen: CanvasRenderingContext2D, x: number, y: number, radius: number, style: string, width = 1.5): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.strokeStyle = style;
  pen.lineWidth = width;
  pen.stroke();
}

function spot(pen: CanvasRenderingContext2D, x: number, y: number, radius: number, style: string): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = style;
  pen.fill();
}

function line(pen: CanvasRenderingContext2D, x: number, y: number, u: number, v: number, style: string): void {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(u, v);
  pen.strokeStyle = style;
  pen.lineWidth = 1.5;
  pen.stroke();
}
