/** The studio's page, put together. */
import { CalibrateView } from "./ui/calibrateView.ts";
import { byId } from "./ui/dom.ts";
import { FullScreen } from "./ui/fullScreen.ts";
import { Gazer } from "./ui/gazer.ts";
import { GazeView } from "./ui/gazeView.ts";
import { LiveView } from "./ui/liveView.ts";
import { Session } from "./ui/session.ts";
import { setUpTheme } from "./ui/theme.ts";

const VIEWS = ["live", "calibrate", "gaze"] as const;
type View = (typeof VIEWS)[number];

const gazer = new Gazer();
const screen = new FullScreen();
const live = new LiveView();
const gaze = new GazeView(gazer, screen);
const calibrate = new CalibrateView(gazer, screen, () => gaze.ready());
let view: View = "live";

const session = new Session(byId<HTMLVideoElement>("video"), {
  engine(state, words) {
    byId("engine-state").dataset["state"] = state;
    byId("engine-state").textContent = state === "ready" ? `runs here: ${words}` : words;
  },
  source(source) {
    void live.sourceChanged(source);
    calibrate.source(source?.kind ?? null);
  },
  problem(problem) {
    live.problem(problem);
    if (problem) show("live");
  },
  moment(moment, of) {
    const { face, reading } = moment;
    const look = of.source?.kind === "camera" ? gazer.look(face?.gaze ?? null, reading.seconds) : null;
    calibrate.moment(moment, view === "calibrate");
    gaze.moment(reading.seconds, look);
    live.moment(moment, of, look, gazer.calibration !== null, view === "live");
  },
  ended: () => live.ended(),
});

function show(name: View): void {
  view = name;
  for (const one of VIEWS) {
    byId(`view-${one}`).hidden = one !== name;
    byId(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    byId(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
  window.scrollTo(0, 0);
  redraw();
}

function redraw(): void {
  if (view === "live") live.redraw();
  else if (view === "calibrate") calibrate.redraw();
  else gaze.redraw();
}

async function open(file: File | undefined): Promise<void> {
  if (file && (await session.file(file))) show("live");
}

let again: () => void = () => void session.camera(null);
const camera = (deviceId: string | null) => {
  again = () => camera(deviceId);
  void session.camera(deviceId);
};
const chooseFile = () => byId("file").click();

for (const one of VIEWS) byId(`tab-${one}`).addEventListener("click", () => show(one));
byId("tab-live").parentElement?.addEventListener("keydown", (event) => {
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? VIEWS.length - 1 : 0;
  if (!step) return;
  show(VIEWS[(VIEWS.indexOf(view) + step) % VIEWS.length]);
  byId(`tab-${view}`).focus();
});
byId("start-camera").addEventListener("click", () => camera(null));
byId("calibrate-camera").addEventListener("click", () => camera(null));
byId("camera").addEventListener("change", () => camera(byId<HTMLSelectElement>("camera").value));
byId("stop").addEventListener("click", () => session.stop());
byId("open-file").addEventListener("click", chooseFile);
byId("problem-file").addEventListener("click", chooseFile);
byId("problem-again").addEventListener("click", () => again());
byId("go-calibrate").addEventListener("click", () => show("calibrate"));
byId("go-gaze").addEventListener("click", () => show("gaze"));
byId("file").addEventListener("change", () => {
  const input = byId<HTMLInputElement>("file");
  const file = input.files?.[0];
  input.value = "";
  if (file) again = () => void open(file);
  void open(file);
});

const theme = setUpTheme(redraw);
void session.load(); // so that the camera need not wait
const KEYS: Record<string, () => void> = {
  "1": () => show("live"),
  "2": () => show("calibrate"),
  "3": () => show("gaze"),
  r: () => live.toggleRecording(),
  p: () => byId("show-points").click(),
  a: () => byId("show-axes").click(),
  m: () => byId("mirror").click(),
  t: () => theme.next(),
};
document.addEventListener("keydown", (event) => {
  const { target } = event;
  const typing = target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type === "number");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || calibrate.running || gaze.running) return;
  KEYS[event.key.toLowerCase()]?.();
});

const stage = byId("stage");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) stage.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  const file = event.dataTransfer?.files[0];
  if (view === "gaze") gaze.choose(file);
  else void open(file);
});

new ResizeObserver(redraw).observe(document.body);
window.addEventListener("pagehide", () => session.stop());
