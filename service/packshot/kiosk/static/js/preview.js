// The live picture: an MJPEG stream read part by part and drawn on a canvas, so that a stall is seen and mended.
// (An <img> on the same address works, too, but never tells when the stream has stopped.)

const STALLED_MS = 8000;
const AGAIN_MS = 1000;

/** Draws the stream of `address()` on a canvas; `data-frames` counts, `data-mode` says what is shown. */
export class Preview {
  constructor(canvas, address) {
    this.canvas = canvas;
    this.address = address;
    this.frames = 0;
    this.seenAt = 0;
    this.control = null;
    this.onframe = null;
    setInterval(() => this.#watch(), 1000);
  }

  /** Begin, or begin again after `address` has changed. */
  start() {
    this.stop();
    this.control = new AbortController();
    this.seenAt = performance.now();
    this.#run(this.control);
  }

  /** Stop looking: the box then rests. */
  stop() {
    this.control?.abort();
    this.control = null;
  }

  #watch() {
    if (this.control && performance.now() - this.seenAt > STALLED_MS) this.start();
  }

  async #run(control) {
    while (!control.signal.aborted) {
      try {
        const answer = await fetch(this.address(), { signal: control.signal });
        if (answer.ok) await this.#read(answer.body.getReader(), control);
      } catch { /* aborted, or the box has gone: try again below */ }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async #read(reader, control) {
    const parts = new Parts();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || control.signal.aborted) return;
      const part = parts.feed(value);
      if (part) await this.#draw(part, control);
    }
  }

  async #draw({ head, body }, control) {
    const bitmap = await createImageBitmap(new Blob([body], { type: "image/jpeg" }));
    if (control.signal.aborted) return;
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.frames += 1;
    this.seenAt = performance.now();
    canvas.dataset.frames = String(this.frames);
    canvas.dataset.mode = head["x-mode"] ?? "";
    this.onframe?.(canvas);
  }
}

/** Cuts a multipart/x-mixed-replace stream by its Content-Length headers; hands out the newest whole part. */
class Parts {
  constructor() {
    this.kept = new Uint8Array(0);
  }

  feed(chunk) {
    const joined = new Uint8Array(this.kept.length + chunk.length);
    joined.set(this.kept);
    joined.set(chunk, this.kept.length);
    this.kept = joined;
    let newest = null;
    for (let part = this.#take(); part; part = this.#take()) newest = part;
    return newest;
  }

  #take() {
    const end = endOfHead(this.kept);
    if (end < 0) return null;
    const head = headers(new TextDecoder().decode(this.kept.subarray(0, end)));
    const length = Number(head["content-length"]);
    if (this.kept.length < end + length) return null;
    const body = this.kept.slice(end, end + length);
    this.kept = this.kept.slice(end + length);
    return { head, body };
  }
}

function endOfHead(data) {
  for (let at = 0; at + 3 < data.length; at += 1) {
    if (data[at] === 13 && data[at + 1] === 10 && data[at + 2] === 13 && data[at + 3] === 10) return at + 4;
  }
  return -1;
}

function headers(text) {
  const pairs = text.split("\r\n").filter((line) => line.includes(":")).map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs);
}
