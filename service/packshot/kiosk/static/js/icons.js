// Icons as strokes on a 24 px grid, drawn for this project.

const SHAPES = {
  camera: ["M4 8h4l2-3h4l2 3h4v11H4z", "M12 10.5a3 3 0 1 0 .01 0"],
  person: ["M12 4a4 4 0 1 0 .01 0", "M4.5 20c1-4.500 4-6 7.500-6s6.500 1.500 7.500 6"],
  gear: ["M4 7h10M18 7h2M4 17h2M10 17h10", "M16 5a2 2 0 1 0 .01 0M8 15a2 2 0 1 0 .01 0"],
  list: ["M9 6h11M9 12h11M9 18h11", "M4.500 6h.01M4.500 12h.01M4.500 18h.01"],
  minus: ["M5 12h14"],
  plus: ["M5 12h14M12 5v14"],
  plate: ["M3 16h18M6 16l2-8h8l2 8M5 20h14"],
  check: ["M5 12.500l4.500 4.500L19 7.500"],
  pause: ["M8 5v14M16 5v14"],
  alert: ["M12 4l9 16H3z", "M12 10v4M12 17h.01"],
  close: ["M6 6l12 12M18 6L6 18"],
  clock: ["M12 3.500a8.500 8.500 0 1 0 .01 0", "M12 8v4.500l3 2"],
  shop: ["M4 9l1.500-5h13L20 9M4 9h16v11H4z", "M10 20v-6h4v6"],
  retake: ["M5 12a7 7 0 1 0 2.200-5.100", "M4.500 4v4h4"],
  sun: ["M12 8a4 4 0 1 0 .01 0", "M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400"],
  lock: ["M6 11h12v9H6z", "M8.500 11V8a3.500 3.500 0 0 1 7 0v3"],
  unlock: ["M6 11h12v9H6z", "M8.500 11V8a3.500 3.500 0 0 1 6.700-1.400"],
  print: ["M7 9V4h10v5M7 17H4V9h16v8h-3", "M7 14h10v6H7z"],
  download: ["M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14"],
  trash: ["M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13"],
  language: ["M12 3.500a8.500 8.500 0 1 0 .01 0", "M3.500 12h17M12 3.500c5 5 5 12 0 17M12 3.500c-5 5-5 12 0 17"],
};

const SVG = "http://www.w3.org/2000/svg";

/** An <svg> that assistive technology skips: the words beside it say the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const d of SHAPES[name] ?? []) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
