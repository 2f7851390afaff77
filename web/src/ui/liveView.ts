/** The live view: picture, curve, numbers, recording. */
import type { Blink } from "../engine/types.ts";
import { COLUMNS, csv, Recording } from "../logic/table.ts";
import { Curve } from "./curve.ts";
import { byId, download, fitted, say, stamp } from "./dom.ts";
import { drawPicture, type Drawing } from "./overlay.ts";
import type { Problem } from "./problems.ts";
import { Readings } from "./readings.ts";
import type { Moment, Session } from "./session.ts";
import { cameras, type Source } from "./source.ts";

const EVENT_COLUMNS = [
  "source", "track_id", "event", "start_s", "end_s", "score", "closing_s", "closed_s", "reopening_s", "amplitude", "closing_speed",
  "reopening_speed", "amplitude_velocity_s", "area", "gap_s",
]; // prettier-ignore

export class LiveView {
  private readonly curve = new Curve(byId<HTMLCanvasElement>("curve"));
  private readonly readings = new Readings();
  private readonly drawing: Drawing = { points: true, axes: true, mirrored: true };
  private recording: Recording | null = null;
  private recordingOn = false;
  private blinks = new Map<number, readonly Blink[]>();
  private source: Source | null = null;
  private last: Moment | null = null;

  constructor() {
    byId("record").addEventListener("click", () => this.toggleRecording());
    byId("export").addEventListener("click", () => this.exportTable());
    byId("export-blinks").addEventListener("click", () => this.exportBlinks());
    const toggles: [string, keyof Drawing][] = [["show-points", "points"], ["show-axes", "axes"], ["mirror", "mirrored"]];
    for (const [id, name] of toggles) byId(id).addEventListener("click", () => this.toggle(id, name));
    welcomeFace();
  }

  /** Another source runs, or none. */
  async sourceChanged(source: Source | null): Promise<void> {
    if (this.recordingOn) this.toggleRecording();
    this.source = source;
    byId("stage").classList.toggle("on", source !== null);
    byId("welcome").hidden = source !== null || !byId("problem").hidden;
    byId("stop").hidden = source === null;
    byId("badge-source").textContent = source ? (source.kind === "camera" ? "live" : source.name) : "";
    byId<HTMLButtonElement>("record").disabled = source === null;
    this.readings.clear();
    this.curve.clear();
    if (source) {
      this.blinks = new Map();
      this.recording = null;
      this.press("mirror", "mirrored", source.kind === "camera");
      say(`${source.kind === "camera" ? "The camera runs" : `Showing ${source.name}`}.`);
    } else this.blank();
    this.offerExports();
    byId("camera-choice").hidden = source?.kind !== "camera" || !(await this.listCameras());
  }

  problem(problem: Problem | null): void {
    byId("problem").hidden = problem === null;
    byId("welcome").hidden = problem !== null || this.source !== null;
    if (!problem) return;
    byId("problem-title").textContent = problem.title;
    byId("problem-what").textContent = problem.what;
    byId("problem-do").replaceChildren(...problem.todo.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }

  moment(moment: Moment, session: Session, look: [number, number] | null, calibrated: boolean, visible: boolean): void {
    const { reading, face } = moment;
    const photo = session.source?.kind === "photo";
    for (const one of reading.faces) if (one.blinks.length) this.blinks.set(one.id, one.blinks);
    if (this.recordingOn) this.recording?.add(reading, photo, face, look);
    if (!photo) this.curve.add(face, reading.seconds);
    if (!visible) return;
    this.draw(moment);
    if (photo) void createImageBitmap(moment.bitmap).then((copy) => (this.last = { ...moment, bitmap: copy }));
    else this.curve.draw();
    this.readings.show(moment, session, look, calibrated);
    this.offerExports();
  }

  ended(): void {
    if (this.recordingOn) this.toggleRecording();
    say("The video is over.");
    byId("badge-source").textContent = `${this.source?.name ?? ""} — over`;
  }

  redraw(): void {
    this.curve.draw();
    if (this.last && this.source?.kind === "photo") this.draw(this.last);
  }

  toggleRecording(): void {
    if (!this.source && !this.recordingOn) return;
    this.recordingOn = !this.recordingOn;
    if (this.recordingOn) this.recording = new Recording(this.source?.name ?? "", true);
    byId("record").setAttribute("aria-pressed", String(this.recordingOn));
    byId("record-label").textContent = this.recordingOn ? "Stop recording" : "Record";
    byId("badge-recording").hidden = !this.recordingOn;
    say(this.recordingOn ? "Recording" : `Recorded ${this.recording?.frames ?? 0} frames; export them when you like.`);
    this.offerExports();
  }

  private offerExports(): void {
    byId<HTMLButtonElement>("export").disabled = !this.recording?.frames;
    byId<HTMLButtonElement>("export-blinks").disabled = this.blinks.size === 0;
    const { frames, seconds } = this.recording ?? { frames: 0, seconds: 0 };
    if (this.recordingOn) byId("badge-recording").textContent = `recording ${seconds.toFixed(0)} s, ${frames} frames`;
  }

  private exportTable(): void {
    if (this.recording) download(`nasion-${stamp()}.csv`, this.recording.parts(), "text/csv");
    say(`Exported ${this.recording?.frames ?? 0} frames, ${COLUMNS.length} columns.`);
  }

  private exportBlinks(): void {
    const rows = [...this.blinks].flatMap(([id, blinks]) =>
      blinks.map((blink) => {
        const row: Record<string, string | number> = {
          source: this.source?.name ?? "", track_id: id, event: "blink", start_s: blink.start, end_s: blink.end, score: Math.min(1, blink.amplitude),
          amplitude: blink.amplitude,
        }; // prettier-ignore
        return EVENT_COLUMNS.map((name) => row[name] ?? null);
      }),
    );
    download(`nasion-blinks-${stamp()}.csv`, [csv(EVENT_COLUMNS, rows)], "text/csv");
    say(`Exported ${rows.length} blinks.`);
  }

  private draw({ bitmap, reading, face }: Moment): void {
    const { pen, width, height } = fitted(byId<HTMLCanvasElement>("picture"));
    drawPicture(pen, width, height, bitmap, reading.faces, face, this.drawing);
  }

  private blank(): void {
    this.last = null;
    const { pen, width, height } = fitted(byId<HTMLCanvasElement>("picture"));
    pen.clearRect(0, 0, width, height);
  }

  private toggle(id: string, name: keyof Drawing): void {
    this.press(id, name, !this.drawing[name]);
    this.redraw();
  }

  private press(id: string, name: keyof Drawing, on: boolean): void {
    this.drawing[name] = on;
    byId(id).setAttribute("aria-pressed", String(on));
  }

  /** Fill in the choice of cameras; whether there is one. */
  private async listCameras(): Promise<boolean> {
    const found = await cameras();
    const select = byId<HTMLSelectElement>("camera");
    select.replaceChildren(...found.map((device, i) => new Option(device.label || `camera ${i + 1}`, device.deviceId)));
    const here = found.find((device) => device.label === this.source?.name);
    if (here) select.value = here.deviceId;
    return found.length > 1;
  }
}

/** A face of dots on the empty stage. */
function welcomeFace(): void {
  const group = byId<HTMLElement>("welcome-points");
  const put = (x: number, y: number, hidden = false) => {
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [name, value] of Object.entries({ cx: x, cy: y, r: 1.6 })) circle.setAttribute(name, String(value));
    if (hidden) circle.setAttribute("class", "hidden-point");
    group.append(circle);
  };
  for (let i = 0; i <= 20; i++) {
    const angle = (Math.PI * i) / 20;
    put(60 + 40 * Math.cos(angle), 52 + 56 * Math.sin(angle), i < 4);
  }
  for (const side of [-1, 1]) {
    for (let i = 0; i < 8; i++) put(60 + side * 19 + 9 * Math.cos((Math.PI * i) / 4), 50 + 4.5 * Math.sin((Math.PI * i) / 4));
    for (let i = 0; i < 5; i++) put(60 + side * (9 + 5 * i), 38 - 2.2 * Math.sin((Math.PI * i) / 4));
  }
  for (let i = 0; i < 5; i++) put(60, 46 + 5 * i);
  for (let i = -2; i <= 2; i++) put(60 + 5 * i, 72 - 0.8 * Math.abs(i));
  for (let i = 0; i < 12; i++) put(60 + 15 * Math.cos((Math.PI * i) / 6), 87 + 5.5 * Math.sin((Math.PI * i) / 6));
}
