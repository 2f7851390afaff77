/** Look around on something that fills the screen; then a heat map and the path of the eyes. */
import { fixations, unit, type Fixation, type GazePoint } from "../logic/fixations.ts";
import { heatColour, heatMap } from "../logic/heat.ts";
import { csv } from "../logic/table.ts";
import { byId, calm, colour, download, fitted, say, stamp } from "./dom.ts";
import type { FullScreen } from "./fullScreen.ts";
import { Gazer } from "./gazer.ts";

const NARROWEST = 0.02; // share of the diagonal: the heat map's kernel is as wide as the calibration's error, and no narrower
const PAPER = "#f2f2ee";

export class GazeView {
  private points: GazePoint[] = [];
  private found: Fixation[] = [];
  private looking = false;
  private began = 0;
  private aspect = 16 / 9;
  private picture: ImageBitmap | null = null;
  private own: File | null = null;
  private here: [number, number] | null = null;

  constructor(
    private readonly gazer: Gazer,
    private readonly screen: FullScreen,
  ) {
    byId("look").addEventListener("click", () => void this.start());
    byId("own-file").addEventListener("change", () => this.choose(byId<HTMLInputElement>("own-file").files?.[0]));
    byId("backdrop-own").addEventListener("click", () => byId("own-file").click());
    for (const id of ["show-heat", "show-path"]) byId(id).addEventListener("click", () => this.toggle(id));
    byId("dispersion").addEventListener("input", () => this.work());
    byId("export-gaze").addEventListener("click", () => this.exportPoints());
    byId("export-fixations").addEventListener("click", () => this.exportFixations());
    byId("save-map").addEventListener("click", () => void this.save());
    this.ready();
  }

  get running(): boolean {
    return this.looking;
  }

  /** Show what can be done: it depends on whether there is a calibration. */
  ready(): void {
    byId("gaze-needs").hidden = this.gazer.calibration !== null;
    byId("gaze-setup").hidden = this.gazer.calibration === null;
  }

  /** Every frame that was read, with where it looks. */
  moment(seconds: number, look: [number, number] | null): void {
    this.here = look;
    if (this.looking && this.began) this.points.push({ seconds: seconds - this.began, x: look?.[0] ?? NaN, y: look?.[1] ?? NaN });
  }

  redraw(): void {
    if (!byId("gaze-result").hidden) this.draw();
  }

  /** A picture of the user's own to look at. */
  choose(file: File | undefined): void {
    if (!file) return;
    this.own = file;
    const image = document.createElement("img");
    image.alt = "";
    image.src = URL.createObjectURL(file);
    byId("own-thumb").replaceChildren(image);
    byId("own-thumb").classList.add("filled");
    byId<HTMLInputElement>("backdrop-own").checked = true;
  }

  private async start(): Promise<void> {
    const kind = document.querySelector<HTMLInputElement>('input[name="backdrop"]:checked')?.value;
    try {
      this.picture = kind === "blank" ? null : await this.backdrop(kind === "own" ? this.own : null);
    } catch {
      say("This picture cannot be read.");
      byId("gaze-intro").textContent = "This picture cannot be read; choose another: JPEG, PNG or WebP.";
      return;
    }
    const cursor = byId<HTMLInputElement>("show-cursor").checked;
    this.points = [];
    await this.screen.open(true, () => this.finish(), (event) => {
      if (event.key === " " || event.key === "Enter") this.end();
    });
    byId("overlay").onclick = () => this.end();
    this.began = performance.now() / 1000;
    this.looking = true;
    this.screen.animate((pen, width, height) => {
      this.aspect = width / height;
      paintBackdrop(pen, width, height, this.picture);
      if (cursor && this.here) paintCursor(pen, this.here[0] * width, this.here[1] * height);
      return this.looking;
    });
  }

  private backdrop(file: File | null): Promise<ImageBitmap> {
    if (file) return createImageBitmap(file);
    return fetch(new URL("pictures/heads.jpg", document.baseURI)).then(async (found) => createImageBitmap(await found.blob()));
  }

  private end(): void {
    this.screen.close();
    this.finish();
  }

  private finish(): void {
    if (!this.looking) return;
    this.looking = false;
    byId("gaze-result").hidden = false;
    this.work();
    byId("gaze-result").scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
    say(`Done: ${this.found.length} fixations.`);
  }

  private work(): void {
    const spread = Number(byId<HTMLInputElement>("dispersion").value);
    byId("dispersion-note").textContent = `${spread} %`;
    this.found = fixations(this.points, this.aspect, spread / 100);
    const known = this.points.filter((point) => Number.isFinite(point.x)).length;
    const seconds = this.points.length ? this.points[this.points.length - 1].seconds - this.points[0].seconds : 0;
    const mean = this.found.reduce((sum, one) => sum + one.end - one.start, 0) / this.found.length;
    byId("gaze-seconds").textContent = `${seconds.toFixed(1)} s`;
    byId("gaze-fixations").textContent = String(this.found.length);
    byId("gaze-mean").textContent = Number.isFinite(mean) ? `${mean.toFixed(2)} s` : "–";
    byId("gaze-known").textContent = this.points.length ? `${Math.round((100 * known) / this.points.length)} %` : "–";
    this.draw();
  }

  private toggle(id: string): void {
    const button = byId(id);
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    this.draw();
  }

  private draw(): void {
    const canvas = byId<HTMLCanvasElement>("gaze-map");
    canvas.style.aspectRatio = String(this.aspect);
    const { pen, width, height } = fitted(canvas);
    paintBackdrop(pen, width, height, this.picture);
    if (byId("show-heat").getAttribute("aria-pressed") === "true") this.drawHeat(pen, width, height);
    if (byId("show-path").getAttribute("aria-pressed") === "true") this.drawPath(pen, width, height);
  }

  private drawHeat(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const sigma = Math.max(NARROWEST, 0.6 * (this.gazer.calibration?.errorOfScreen ?? NARROWEST));
    const heat = heatMap(this.points, this.aspect, Math.min(sigma, 0.08));
    if (!heat.peak) return;
    const pixels = new ImageData(heat.width, heat.height);
    for (const [i, value] of heat.values.entries()) pixels.data.set(heatColour(value / heat.peak), 4 * i);
    const small = new OffscreenCanvas(heat.width, heat.height);
    small.getContext("2d")?.putImageData(pixels, 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(small, 0, 0, width, height);
  }

  private drawPath(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const dots = this.found.map(({ x, y, start, end }) => ({ x: x * width, y: y * height, radius: 9 + 9 * Math.sqrt(Math.min(end - start, 3)) }));
    pen.lineJoin = "round";
    for (const [thick, style] of [[4, "rgb(10 16 18 / 0.55)"], [1.8, "#ffffff"]] as const) {
      pen.beginPath();
      for (const { x, y } of dots) pen.lineTo(x, y);
      pen.lineWidth = thick;
      pen.strokeStyle = style;
      pen.stroke();
    }
    pen.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const [i, { x, y, radius }] of dots.entries()) {
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fillStyle = "rgb(13 18 20 / 0.72)";
      pen.fill();
      pen.lineWidth = 2;
      pen.strokeStyle = "#fff";
      pen.stroke();
      pen.fillStyle = "#fff";
      pen.fillText(String(i + 1), x, y + 0.5);
    }
  }

  private exportPoints(): void {
    const rows = this.points.map(({ seconds, x, y }, i) => [i, Number(seconds.toFixed(4)), x, y]);
    download(`nasion-gaze-${stamp()}.csv`, [csv(["frame", "time_s", "x", "y"], rows)], "text/csv");
    say("Gaze points exported.");
  }

  private exportFixations(): void {
    const [across] = unit(this.aspect);
    const rows = this.found.map((one, i) => [i + 1, one.start, one.end, one.end - one.start, one.x, one.y, one.spread / across, one.points]);
    const columns = ["fixation", "start_s", "end_s", "duration_s", "x", "y", "spread", "frames"];
    download(`nasion-fixations-${stamp()}.csv`, [csv(columns, rows)], "text/csv");
    say("Fixations exported.");
  }

  private async save(): Promise<void> {
    const blob = await new Promise<Blob | null>((done) => byId<HTMLCanvasElement>("gaze-map").toBlob(done, "image/png"));
    if (blob) download(`nasion-heat-${stamp()}.png`, [blob], "image/png");
  }
}

/** Fill the area: the picture covers as much of it as it can without being cut. */
function paintBackdrop(pen: CanvasRenderingContext2D, width: number, height: number, picture: ImageBitmap | null): void {
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width, height);
  if (!picture) return;
  const scale = Math.min(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
}

function paintCursor(pen: CanvasRenderingContext2D, x: number, y: number): void {
  const glow = pen.createRadialGradient(x, y, 2, x, y, 26);
  glow.addColorStop(0, colour("accent"));
  glow.addColorStop(1, "transparent");
  pen.globalAlpha = 0.6;
  pen.fillStyle = glow;
  pen.fillRect(x - 26, y - 26, 52, 52);
  pen.globalAlpha = 1;
}
