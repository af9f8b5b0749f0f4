// The daemon's log since its start, newest last; follows while it is looked at.

import { get } from "../api.js";
import { el } from "../dom.js";
import { clock, t } from "../i18n.js";

const EVERY_MS = 2000;
const MOST_LINES = 500;

/** The tab. */
export function logs(place) {
  const lines = el("div", { class: "log mono", id: "log" });
  const frame = el("div", { class: "scroll", tabindex: "0", role: "log", "aria-label": t("admin.logs") }, lines);
  place.append(frame);
  let run = null; // of the daemon, whose numbers begin anew with each
  let last = 0;
  const look = async () => {
    const answer = await get(`/api/admin/logs?after=${last}`).catch(() => null);
    if (!answer) return;
    const missed = last > 0 && answer.run !== run;
    run = answer.run;
    if (missed) { last = 0; return void (await look()); }
    const follow = frame.scrollTop + frame.clientHeight >= frame.scrollHeight - 40;
    for (const line of answer.lines) {
      lines.append(el("div", { data: { level: line.level } }, `${clock(line.at)}  ${line.text}`));
      last = line.number;
    }
    while (lines.childElementCount > MOST_LINES) lines.firstChild.remove();
    if (follow) frame.scrollTop = frame.scrollHeight;
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return () => clearInterval(timer);
}
