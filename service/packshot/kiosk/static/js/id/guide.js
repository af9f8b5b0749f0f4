// What is drawn over the mirror: the photo's frame, where the head belongs in it, and the band for the eyes.

const SVG = "http://www.w3.org/2000/svg";
const HEAD_ASPECT = 0.74; // width over height of the guide's oval
const RESTING = 0.86; // the frame's share of the picture's height while no face is there

/** Draws on an <svg> whose user units are the live picture's pixels. */
export class Guide {
  constructor(svg) {
    this.svg = svg;
    this.spec = null;
    this.shapes = Object.fromEntries(["shade", "crop", "head", "eyes"].map((name) => [name, this.#shape(name)]));
  }

  /** One look: the frame follows the face; without a face it rests in the middle. */
  show(look) {
    if (!this.spec) return;
    this.svg.setAttribute("viewBox", `0 0 ${look.width} ${look.height}`);
    const [left, top, width, height] = look.crop ?? this.#resting(look);
    const { shade, crop, head, eyes } = this.shapes;
    shade.setAttribute("d", `M0 0H${look.width}V${look.height}H0Z M${left} ${top}V${top + height}H${left + width}V${top}Z`);
    shade.setAttribute("fill-rule", "evenodd");
    crop.setAttribute("d", `M${left} ${top}h${width}v${height}h${-width}Z`);
    head.setAttribute("d", this.#oval(left, top, width, height));
    const [high, low] = this.spec.eyes;
    eyes.setAttribute("d", `M${left} ${top + height * high}h${width}v${height * (low - high)}h${-width}Z`);
  }

  #resting({ width, height }) {
    const tall = height * RESTING;
    const wide = (tall * this.spec.width_mm) / this.spec.height_mm;
    return [(width - wide) / 2, (height - tall) / 2, wide, tall];
  }

  /** The head as the spec wants it: `aim` of the photo's height, its crown in the middle of what is allowed. */
  #oval(left, top, width, height) {
    const tall = this.spec.aim * height;
    const crown = top + middle(this.spec.crown) * height;
    const [rx, ry, x] = [(tall * HEAD_ASPECT) / 2, tall / 2, left + width / 2];
    return `M${x - rx} ${crown + ry}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0Z`;
  }

  #shape(name) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    this.svg.append(path);
    return path;
  }
}

const middle = ([low, high]) => (low + high) / 2;
