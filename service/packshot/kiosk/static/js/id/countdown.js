// Three, two, one: large, spoken, and stopped when something is no longer right.

const FROM = 3;
const STEP_MS = 800;

/** Counts in `place`, then calls `done()`. */
export class Countdown {
  constructor(place, done) {
    this.place = place;
    this.done = done;
    this.timer = 0;
    this.automatic = false;
  }

  get running() {
    return this.timer !== 0;
  }

  /** Begin; an automatic one is stopped by the page when the guidance turns red. */
  start(automatic = false) {
    this.stop();
    this.automatic = automatic;
    this.#step(FROM);
  }

  /** Stop without a photo. */
  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.automatic = false;
    this.place.textContent = "";
  }

  #step(number) {
    if (number === 0) {
      this.stop();
      this.done();
      return;
    }
    this.place.textContent = String(number);
    this.timer = setTimeout(() => this.#step(number - 1), STEP_MS);
  }
}
