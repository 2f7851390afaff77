/** The panel of numbers beside the picture. */
import type { FaceReading } from "../engine/types.ts";
import { openness } from "../logic/lids.ts";
import { byId } from "./dom.ts";
import type { Moment, Session } from "./session.ts";

const WIDEST = 60; // degrees at the end of a gauge
const NONE = "–";
const EVERY_MS = 120; // numbers that change faster cannot be read

export class Readings {
  private shown = 0;
  private readonly recent: { at: number; detect: number; landmarks: number; read: number; grab: number; whole: number }[] = [];

  clear(): void {
    this.recent.length = 0;
    for (const id of ["blinks", "rate", "shut", "ms-detect", "ms-landmarks", "ms-read", "ms-grab", "ms-total"]) byId(id).textContent = NONE;
    byId("rate-note").textContent = "no frames yet";
    this.face(null, 0);
    this.look(null, false);
  }

  show(moment: Moment, session: Session, look: [number, number] | null, calibrated: boolean): void {
    const now = performance.now();
    const { ms } = moment.reading;
    this.recent.push({ at: now, detect: ms.detect, landmarks: ms.landmarks, read: ms.read, grab: moment.grab, whole: moment.whole });
    while (this.recent.length > 1 && this.recent[0].at < now - 2000) this.recent.shift();
    if (now - this.shown < EVERY_MS && session.source?.kind !== "photo") return;
    this.shown = now;
    const { blinks, rate, shut } = session.lids.figures();
    byId("blinks").textContent = session.source?.kind === "photo" ? NONE : String(blinks);
    byId("rate").textContent = rate === null ? NONE : rate.toFixed(0);
    byId("shut").textContent = shut === null ? NONE : `${(100 * shut).toFixed(1)} %`;
    this.face(moment.face, moment.reading.faces.length);
    this.look(look, calibrated);
    this.times(session);
  }

  private face(face: FaceReading | null, count: number): void {
    for (const side of ["left", "right"] as const) {
      const eye = face?.[side];
      const known = eye !== undefined && Number.isFinite(eye.openness);
      byId(`open-${side}`).textContent = known ? `${Math.round(100 * Math.max(0, eye.openness))} %` : NONE;
      bar(byId(`gauge-${side}`)).style.transform = `scaleX(${known ? Math.min(1, Math.max(0, eye.openness)) : 0})`;
      byId(`gauge-${side}`).parentElement?.classList.toggle("faint", !known || eye.reliability < 0.5);
    }
    byId("eyes-note").textContent = face && openness(face) === null ? "the lids cannot be seen well enough" : "share of the person's own open eye";
    for (const name of ["yaw", "pitch", "roll"] as const) {
      const angle = face?.pose[name] ?? NaN;
      const known = Number.isFinite(angle);
      byId(name).parentElement?.classList.toggle("faint", !known);
      byId(name).textContent = known ? `${angle < 0 ? "−" : ""}${Math.abs(angle).toFixed(1)}°` : NONE;
      bar(byId(`gauge-${name}`)).style.left = `calc(${known ? 50 + (50 * Math.min(Math.max(angle, -WIDEST), WIDEST)) / WIDEST : 50}% - 2px)`;
    }
    const away = face && Number.isFinite(face.pose.distance) ? `about ${(face.pose.distance / 10).toFixed(0)} cm away` : "";
    const many = count > 1 ? `${count} faces, the largest is read` : "";
    byId("head-note").textContent = face ? [away, many].filter(Boolean).join(" · ") : "no face";
  }

  private look(look: [number, number] | null, calibrated: boolean): void {
    const dot = byId("screen-map").querySelector("i");
    if (dot && look) {
      dot.style.left = `${100 * Math.min(Math.max(look[0], 0), 1)}%`;
      dot.style.top = `${100 * Math.min(Math.max(look[1], 0), 1)}%`;
    }
    if (dot) dot.hidden = !look;
    byId("card-looks").hidden = !calibrated;
    byId("looks-note").textContent = look ? "on this screen" : "the eyes are shut, hidden or elsewhere";
  }

  private times(session: Session): void {
    const mean = (name: "detect" | "landmarks" | "read" | "grab" | "whole") => this.recent.reduce((sum, one) => sum + one[name], 0) / this.recent.length;
    const parts = { detect: mean("detect"), landmarks: mean("landmarks"), read: mean("read"), grab: mean("grab") };
    const inAll = parts.detect + parts.landmarks + parts.read + parts.grab;
    for (const [name, value] of Object.entries(parts)) byId(`ms-${name}`).textContent = `${value.toFixed(1)} ms`;
    byId("ms-total").textContent = `${inAll.toFixed(1)} ms`;
    for (const [i, value] of Object.values(parts).entries()) (byId("stack").children[i] as HTMLElement).style.flexGrow = String(value);
    const first = this.recent[0].at;
    const span = this.recent[this.recent.length - 1].at - first;
    const frames = span > 300 ? `${((1000 * (this.recent.length - 1)) / span).toFixed(0)} frames a second` : "one frame";
    byId("rate-note").textContent = `${frames}${session.dropped ? `, ${session.dropped} of ${session.dropped + session.taken} left out` : ""}`;
    byId("provider").textContent = session.providers.join(", ");
  }
}

function bar(gauge: HTMLElement): HTMLElement {
  return gauge.firstElementChild as HTMLElement;
}
