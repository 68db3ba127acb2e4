// The large view: two images at whole device pixels per image pixel, moved and zoomed together.
const SCALES = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 40, 48, 56, 64];
class Stage {
  // `changed` is called when the border, the place, the scale or the box is another.
  constructor(element, changed) {
    Object.assign(this, { element, changed });
    this.canvas = element.querySelector("canvas");
    this.view = { scale: 1, x: 0, y: 0 }; // the image's pixel in the middle
    Object.assign(this, { border: 0.5, box: null, boxing: false, shown: null, pointers: new Map() });
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => this.up(event));
    }
    new ResizeObserver(() => this.largest && this.makeRoom(...this.largest)).observe(element);
  }
  get size() {
    return [this.canvas.width, this.canvas.height];
  }
  // As high as the highest image is at the scale at which the widest one fits, and not above the screen.
  makeRoom(width, height) {
    this.largest = [width, height];
    const ratio = devicePixelRatio || 1;
    const most = 0.8 * innerHeight * ratio;
    const fits = (scale) =>
      scale * width <= this.element.clientWidth * ratio && scale * height <= most;
    const scale = SCALES.findLast(fits) || 1;
    this.element.style.height = `${Math.min(most, scale * height) / ratio}px`;
    this.resized();
  }
  resized() {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.element.clientWidth, this.element.clientHeight].map((side) =>
      Math.max(1, Math.round(side * ratio)));
    if (this.canvas.width === width && this.canvas.height === height) return;
    const fitted = this.shown && this.view.scale === this.fitting();
    Object.assign(this.canvas, { width, height });
    Object.assign(this.canvas.style, { width: `${width / ratio}px`, height: `${height / ratio}px` });
    if (fitted) this.fit();
    else this.placed();
  }
  // What is shown: `first` left of the border and `second` right of it, or `first` alone.
  show(layers, first, second = null) {
    const other = !this.shown || this.shown.width !== layers.width || this.shown.height !== layers.height;
    this.shown = { width: layers.width, height: layers.height, first, second };
    if (other) {
      this.box = null;
      this.fit();
    } else this.placed();
  }
  // The largest scale at which the whole image is seen; 1 where it is larger than the view.
  fitting() {
    const [width, height] = this.size;
    return SCALES.findLast((scale) =>
      scale * this.shown.width <= width && scale * this.shown.height <= height) || 1;
  }
  fit() {
    this.view = { scale: this.fitting(), x: this.shown.width / 2, y: this.shown.height / 2 };
    this.placed();
  }
  // One scale further in or out, around a point of the canvas in device pixels.
  zoom(way, [x, y] = this.size.map((side) => side / 2)) {
    const scale = way > 0
      ? SCALES.find((each) => each > this.view.scale) : SCALES.findLast((each) => each < this.view.scale);
    if (!scale) return;
    const [left, top] = this.corner();
    const [at, below] = [(x - left) / this.view.scale, (y - top) / this.view.scale];
    const [width, height] = this.size;
    this.view = { scale, x: at + (width / 2 - x) / scale, y: below + (height / 2 - y) / scale };
    this.placed();
  }
  // Move the image by device pixels.
  move(x, y) {
    this.view.x -= x / this.view.scale;
    this.view.y -= y / this.view.scale;
    this.placed();
  }
  // Keep the image in the view, and draw.
  placed() {
    if (!this.shown) return;
    const within = (at, side, image) => {
      const half = side / this.view.scale / 2;
      return image <= 2 * half ? image / 2 : Math.min(image - half, Math.max(half, at));
    };
    this.view.x = within(this.view.x, this.size[0], this.shown.width);
    this.view.y = within(this.view.y, this.size[1], this.shown.height);
    this.element.style.touchAction = this.whole && !this.boxing ? "pan-y" : "none";
    this.draw();
    this.changed();
  }
  get whole() {
    const [width, height] = this.size;
    return this.shown.width * this.view.scale <= width && this.shown.height * this.view.scale <= height;
  }
  // Where the image's first pixel lies on the canvas: always a whole device pixel.
  corner() {
    const { scale, x, y } = this.view;
    return [Math.round(this.size[0] / 2 - x * scale), Math.round(this.size[1] / 2 - y * scale)];
  }
  // The seen part of the image on the canvas: from, to.
  seen() {
    const [left] = this.corner();
    return [Math.max(0, left), Math.min(this.size[0], left + this.shown.width * this.view.scale)];
  }
  draw() {
    const context = this.canvas.getContext("2d");
    const [width, height] = this.size;
    const [left, top] = this.corner();
    const { scale } = this.view;
    const put = (image) => {
      context.imageSmoothingEnabled = false;
      context.drawImage(image, left, top, image.width * scale, image.height * scale);
    };
    context.clearRect(0, 0, width, height);
    put(this.shown.first);
    if (this.shown.second) {
      const [from, to] = this.seen();
      const at = Math.round(from + this.border * (to - from));
      context.save();
      context.beginPath();
      context.rect(at, 0, width - at, height);
      context.clip();
      put(this.shown.second);
      context.restore();
      const thick = Math.max(1, Math.round(devicePixelRatio));
      for (const [colour, half] of [["#000", 2 * thick], ["#fff", thick]]) {
        context.fillStyle = colour;
        context.fillRect(at - half, top, 2 * half, this.shown.height * scale);
      }
    }
    if (this.box) {
      const [l, t, r, b] = this.box.map((side, i) => side * scale + (i % 2 ? top : left));
      for (const [colour, thick] of [["#000", 4], ["#ffd400", 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = thick * Math.max(1, Math.round(devicePixelRatio));
        context.strokeRect(l, t, r - l, b - t);
      }
    }
  }
  // A point of an event, in device pixels of the canvas.
  point(event) {
    const frame = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - frame.left) / frame.width) * this.canvas.width,
      ((event.clientY - frame.top) / frame.height) * this.canvas.height,
    ];
  }
  wheel(event) {
    // The page scrolls on unless the view was chosen before.
    if (!event.ctrlKey && document.activeElement !== this.element) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 1 : -1, this.point(event));
  }
  down(event) {
    if (event.button || !this.shown) return;
    const at = this.point(event);
    this.pointers.set(event.pointerId, at);
    this.element.setPointerCapture(event.pointerId);
    this.drag = this.pointers.size > 1 ? this.pinching() : this.dragging(at, event.shiftKey);
  }
  moved(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const [before, now] = [this.pointers.get(event.pointerId), this.point(event)];
    this.pointers.set(event.pointerId, now);
    this.drag(now, before);
  }
  up(event) {
    this.pointers.delete(event.pointerId);
    this.drag = () => {};
  }
  // What a drag that begins at a point does: draw a box, move the border, or the image.
  dragging(start, shift) {
    if (this.boxing || shift) {
      const corner = this.pixel(start, Math.floor);
      return (now) => this.boxed([corner, this.pixel(now, Math.floor)]);
    }
    const [from, to] = this.seen();
    const near = Math.abs(start[0] - from - this.border * (to - from)) < 24 * devicePixelRatio;
    if (this.shown.second && (near || this.whole)) {
      const follow = ([x]) => {
        this.border = Math.min(1, Math.max(0, (x - from) / (to - from)));
        this.draw();
        this.changed();
      };
      follow(start);
      return follow;
    }
    return (now, before) => this.move(now[0] - before[0], now[1] - before[1]);
  }
  // Two fingers that part zoom in, a scale for each fifth that they are further apart.
  pinching() {
    const apart = () => {
      const [one, other] = [...this.pointers.values()];
      return Math.hypot(one[0] - other[0], one[1] - other[1]);
    };
    let last = apart();
    return (now) => {
      const share = apart() / last;
      if (share < 1.2 && share > 1 / 1.2) return;
      last = apart();
      this.zoom(share > 1 ? 1 : -1, now);
    };
  }
  // The image's pixel at a point of the canvas.
  pixel([x, y], round) {
    const [left, top] = this.corner();
    return [
      Math.min(this.shown.width - 1, Math.max(0, round((x - left) / this.view.scale))),
      Math.min(this.shown.height - 1, Math.max(0, round((y - top) / this.view.scale))),
    ];
  }
  // A box from one pixel to another, both within it.
  boxed(corners) {
    const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
    this.setBox([Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1]);
  }
  // The box in the image's pixels [left, top, right, bottom], the last ones outside; null for none.
  setBox(box) {
    this.box = box;
    this.draw();
    this.changed();
  }
  // Half of what is seen, to be moved and sized by keys.
  middleBox() {
    const [width, height] = this.size;
    this.boxed([0.25, 0.75].map((share) => this.pixel([width * share, height * share], Math.round)));
  }
  // Move the box by pixels, or its lower right corner alone.
  moveBox(x, y, corner) {
    const [left, top, right, bottom] = this.box;
    const { width, height } = this.shown;
    if (corner) {
      const within = (at, low, high) => Math.min(high, Math.max(low, at));
      this.setBox([left, top, within(right + x, left + 1, width), within(bottom + y, top + 1, height)]);
    } else {
      const dx = Math.min(width - right, Math.max(-left, x));
      const dy = Math.min(height - bottom, Math.max(-top, y));
      this.setBox([left + dx, top + dy, right + dx, bottom + dy]);
    }
  }
}
