// Camera and lamps: live picture with histogram, clipping and focus.

import { post } from "../api.js";
import { el } from "../dom.js";
import { figure, t } from "../i18n.js";
import { Preview } from "../preview.js";

// Product tables are white: a good part of the picture may be clipped, a large part means that the product is, too.
const CLIPPED_LIGHT = 0.35;
const CLIPPED_DARK = 0.1;
const CHANNELS = ["#e0473c", "#3fae57", "#4a7fe0"];

/** The tab. */
export function camera(place, guarded) {
  const canvas = el("canvas", { id: "camera-preview", width: 4, height: 3, role: "img", "aria-label": t("admin.camera.picture") });
  const chart = el("canvas", { id: "histogram", width: 512, height: 120, role: "img", "aria-label": t("admin.histogram") });
  const focus = gauge("focus", t("admin.focus"));
  const light = gauge("light", t("admin.light"));
  const dark = gauge("dark", t("admin.dark"));
  const advice = el("p", { id: "camera-advice", role: "status" });
  const seconds = 60;
  const lamp = (on) => () => guarded(() => post("/api/admin/lamp", { seconds: on ? seconds : 0 }));
  place.append(el(
    "div", { class: "camera" },
    el("div", { class: "view" }, canvas),
    el("div", { class: "card gauges" },
      el("div", {}, el("h2", {}, t("admin.histogram")), chart),
      focus.element, light.element, dark.element, advice,
      el("div", { class: "actions" },
        el("button", { type: "button", onclick: () => { best = 0; } }, t("admin.focus.reset")),
        el("button", { type: "button", id: "lamp-on", icon: "sun", onclick: lamp(true) }, t("admin.lamp.on", { seconds })),
        el("button", { type: "button", id: "lamp-off", onclick: lamp(false) }, t("admin.lamp.off")))),
  ));
  let best = 0;
  const preview = new Preview(canvas, () => "/api/preview?mode=plain");
  preview.start();
  const news = new EventSource("/api/admin/meter");
  news.addEventListener("meter", (event) => {
    const meter = JSON.parse(event.data);
    best = Math.max(best, meter.focus);
    draw(chart, meter.histogram);
    focus.set(best ? meter.focus / best : 0, t("admin.focus.value", { value: figure(meter.focus, 1), best: figure(best, 1) }));
    light.set(meter.light, `${figure(meter.light * 100, 1)} %`);
    dark.set(meter.dark, `${figure(meter.dark * 100, 1)} %`);
    advice.textContent = t(adviceFor(meter, best));
    chart.dataset.looks = String(Number(chart.dataset.looks ?? 0) + 1);
  });
  return () => { preview.stop(); news.close(); };
}

function adviceFor(meter, best) {
  if (meter.light > CLIPPED_LIGHT) return "admin.advice.light";
  if (meter.dark > CLIPPED_DARK) return "admin.advice.dark";
  if (meter.focus < best * 0.8) return "admin.advice.focus";
  return "admin.advice.good";
}

function gauge(id, name) {
  const bar = el("meter", { min: 0, max: 1, value: 0, id: `meter-${id}`, "aria-label": name });
  const value = el("span", { class: "number" });
  const element = el("div", { class: "gauge" }, el("span", {}, name), value, bar);
  return { element, set(share, text) { bar.value = share; value.textContent = text; } };
}

/** Three curves on one chart; square roots, because a plain background would else dwarf everything. */
function draw(canvas, histogram) {
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  const highest = Math.sqrt(Math.max(...histogram.flat(), 1e-6));
  histogram.forEach((channel, index) => {
    pen.strokeStyle = CHANNELS[index];
    pen.lineWidth = 2;
    pen.beginPath();
    channel.forEach((share, bin) => {
      const x = (bin / (channel.length - 1)) * (width - 2) + 1;
      const y = height - 2 - (Math.sqrt(share) / highest) * (height - 6);
      if (bin) pen.lineTo(x, y); else pen.moveTo(x, y);
    });
    pen.stroke();
  });
}
