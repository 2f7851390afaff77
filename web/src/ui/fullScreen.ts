/** Something that fills the screen until it is done or the user leaves it. */
import { byId, fitted } from "./dom.ts";

export type Paint = (pen: CanvasRenderingContext2D, width: number, height: number, seconds: number) => boolean;

export class FullScreen {
  private readonly box = byId("overlay");
  private readonly canvas = byId<HTMLCanvasElement>("overlay-canvas");
  private readonly text = byId("overlay-text");
  private before: Element | null = null;
  private frame = 0;
  private leave: (() => void) | null = null;

  /** Fill the screen; `leave` is called when the user goes (Esc, or the browser's own way out). */
  async open(light: boolean, leave: () => void, key: (event: KeyboardEvent) => void): Promise<void> {
    this.before = document.activeElement;
    this.box.classList.toggle("light", light);
    this.box.hidden = false;
    this.leave = leave;
    this.box.onkeydown = (event) => {
      if (event.key === "Escape") this.left();
      else key(event);
      event.preventDefault();
      event.stopPropagation();
    };
    this.box.focus();
    try {
      await this.box.requestFullscreen();
      document.onfullscreenchange = () => {
        if (!document.fullscreenElement) this.left();
      };
    } catch {
      // refused or absent: the overlay fills the window, which is then the screen that is measured
    }
    this.box.focus();
  }

  say(html: string): void {
    this.text.innerHTML = html;
  }

  /** Paint until `paint` returns false; it is given the seconds since the start. */
  animate(paint: Paint): void {
    const began = performance.now();
    const next = () => {
      const { pen, width, height } = fitted(this.canvas);
      if (paint(pen, width, height, (performance.now() - began) / 1000)) this.frame = requestAnimationFrame(next);
    };
    cancelAnimationFrame(this.frame);
    next();
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.leave = null;
    this.box.onkeydown = this.box.onclick = document.onfullscreenchange = null;
    this.box.hidden = true;
    this.say("");
    if (document.fullscreenElement) void document.exitFullscreen();
    if (this.before instanceof HTMLElement) this.before.focus();
  }

  private left(): void {
    const leave = this.leave;
    this.close();
    leave?.();
  }
}
