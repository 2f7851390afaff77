/** Dark, light, or as the system has it; remembered on this machine. */
import { byId, say } from "./dom.ts";

type Theme = "system" | "dark" | "light";
const ORDER: Theme[] = ["system", "dark", "light"];
const WORDS: Record<Theme, string> = { system: "as the system has them", dark: "dark", light: "light" };
const KEPT = "nasion-theme";

/** Set up the switch; `changed` is called when the colours are other ones. */
export function setUpTheme(changed: () => void): { next(): void } {
  let now = (localStorage.getItem(KEPT) as Theme | null) ?? "system";
  if (!ORDER.includes(now)) now = "system";
  const apply = () => {
    if (now === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = now;
    const label = `Colours: ${WORDS[now]}`;
    byId("theme").setAttribute("aria-label", label);
    byId("theme").title = label;
    changed();
  };
  const next = () => {
    now = ORDER[(ORDER.indexOf(now) + 1) % ORDER.length];
    localStorage.setItem(KEPT, now);
    apply();
    say(`Colours: ${WORDS[now]}`);
  };
  byId("theme").addEventListener("click", next);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  apply();
  return { next };
}
