// Small pictures to choose the image from: whole device pixels each, so that none loses its noise.
const THUMBNAIL = 72;
class Thumbnails {
  // `pixels` gives what a canvas shows of a picture, later; `chosen` is called with a picture.
  constructor(element, pixels, chosen) {
    Object.assign(this, { element, pixels, chosen, buttons: [] });
    this.seen = new IntersectionObserver(
      (entries) => {
        for (const { target } of entries.filter((each) => each.isIntersecting)) {
          this.seen.unobserve(target);
          this.draw(target);
        }
      },
      { root: element, rootMargin: "200px" },
    );
  }
  // `entries`: of each picture its name and the lines below it, in order.
  show(entries) {
    this.seen.disconnect();
    this.buttons = entries.map(({ picture, name, below }) => {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      button.type = "button";
      button.picture = picture;
      button.dataset.position = picture.position;
      button.setAttribute("aria-label", name);
      canvas.setAttribute("aria-hidden", "true");
      Object.assign(canvas.style, { width: `${THUMBNAIL}px`, height: `${THUMBNAIL}px` });
      button.append(canvas, ...below.filter(Boolean).map((text) => {
        const line = document.createElement("span");
        line.textContent = text;
        return line;
      }));
      button.addEventListener("click", () => this.chosen(picture));
      return button;
    });
    this.element.replaceChildren(...this.buttons);
    this.buttons.forEach((button) => this.seen.observe(button));
  }
  mark(picture) {
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.picture === picture));
    }
  }
  // The next picture, or the one before, in the order shown.
  beside(picture, way) {
    const at = this.buttons.findIndex((button) => button.picture === picture);
    const next = this.buttons[at + way];
    if (next) next.scrollIntoView({ block: "nearest" });
    return next?.picture;
  }
  async draw(button) {
    drawCrop(button.querySelector("canvas"), await this.pixels(button.picture), THUMBNAIL);
  }
}
// A crop around a place (the middle of the image, where none is given) at a whole scale, no larger than
// a square of so many pixels of the page. Small images are scaled up to fill it.
function drawCrop(canvas, image, room, scale = 0, x = image.width / 2, y = image.height / 2) {
  const ratio = devicePixelRatio || 1;
  const side = Math.max(1, Math.floor(room * ratio));
  const factor = scale || Math.max(1, Math.floor(side / Math.max(image.width, image.height)));
  const [width, height] = [image.width, image.height].map((length) => Math.min(side, length * factor));
  const corner = (at, length, shown) =>
    -Math.round(Math.min(length - shown / factor, Math.max(0, at - shown / factor / 2))) * factor;
  Object.assign(canvas, { width, height });
  Object.assign(canvas.style, { width: `${width / ratio}px`, height: `${height / ratio}px` });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  const [left, top] = [corner(x, image.width, width), corner(y, image.height, height)];
  context.drawImage(image, left, top, image.width * factor, image.height * factor);
  canvas.dataset.scale = factor;
}
