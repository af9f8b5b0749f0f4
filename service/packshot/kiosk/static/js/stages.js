// Where a capture is, in words and with a tone; for every list that shows captures.

import { badge } from "./dom.js";
import { t } from "./i18n.js";
import { boxState } from "./shell.js";

// stage -> tone and icon of its badge
const LOOKS = {
  accepted: ["busy", "clock"],
  cut: ["busy", "clock"],
  offered: ["busy", "shop"],
  claimed: ["busy", "shop"],
  receipted: ["good", "check"],
  held: ["warn", "pause"],
  empty: ["warn", "alert"],
  refused: ["bad", "close"],
  failed: ["bad", "alert"],
  cancelled: ["", "close"],
};

/** Badge of a stage; while the network is down a finished cutout waits here. */
export function stageBadge(capture) {
  const [tone, image] = LOOKS[capture.stage] ?? ["", ""];
  return badge(stageText(capture), tone, image);
}

/** A stage in words, short. */
export function stageText(capture) {
  const waits = capture.stage === "cut" && boxState() && !boxState().link.connected;
  return t(waits ? "stage.kept" : `stage.${capture.stage}`);
}

/** The tone of a stage, for text. */
export const stageTone = (capture) => LOOKS[capture.stage]?.[0] ?? "";
