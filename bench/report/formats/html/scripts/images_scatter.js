// Two methods on every image: a point an image, which opens it where its pixels are in the page.
class Scatter {
  // `chosen` is called with the position of a point that was clicked.
  constructor(element, chosen) {
    Object.assign(this, { element, chosen, points: [] });
    this.canvas = element.querySelector("canvas");
    this.text = element.querySelector("figcaption");
    new ResizeObserver(() => this.draw()).observe(this.canvas.parentElement);
    this.canvas.addEventListener("pointermove", (event) => this.over(event));
    this.canvas.addEventListener("pointerleave", () => (this.text.textContent = this.said));
    this.canvas.addEventListener("click", (event) => {
      const point = this.nearest(event);
      if (point) this.chosen(point.position);
    });
  }
  // `points`: position, x, y, and whether its pixels are there. `names` of the axes; `said` of all.
  show({ points, names, said, tell }) {
    Object.assign(this, { points, names, said, tell });
    this.text.textContent = said;
    this.canvas.setAttribute("aria-label", `${names[1]} against ${names[0]}. ${said}`);
    this.canvas.parentElement.hidden = !points.length;
    this.draw();
  }
  mark(position) {
    this.marked = position;
    this.draw();
  }
  // One range for both axes, unless the methods lie so far apart that all would lie in a corner.
  ranges() {
    const of = (axis) => {
      let [low, high] = [Infinity, -Infinity];
      for (const point of this.points) {
        low = Math.min(low, point[axis]);
        high = Math.max(high, point[axis]);
      }
      const room = (high - low || 1) * 0.04;
      return [low - room, high + room];
    };
    const [x, y] = [of("x"), of("y")];
    const both = [Math.min(x[0], y[0]), Math.max(x[1], y[1])];
    const longest = Math.max(x[1] - x[0], y[1] - y[0]);
    return both[1] - both[0] < 1.3 * longest ? [both, both] : [x, y];
  }
  draw() {
    const box = this.canvas.parentElement;
    if (!this.points.length || !box.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [box.clientWidth, box.clientHeight];
    Object.assign(this.canvas, { width: Math.floor(width * ratio), height: Math.floor(height * ratio) });
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(name).trim();
    context.scale(ratio, ratio);
    context.font = `12px ${colour("--ui") || "sans-serif"}`;
    const frame = { left: 46, top: 8, right: width - 8, bottom: height - 38 };
    const [xs, ys] = this.ranges();
    this.x = (v) => frame.left + ((v - xs[0]) / (xs[1] - xs[0])) * (frame.right - frame.left);
    this.y = (v) => frame.bottom - ((v - ys[0]) / (ys[1] - ys[0])) * (frame.bottom - frame.top);
    this.axes(context, frame, xs, ys, colour);
    context.save();
    context.beginPath();
    context.rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
    context.clip();
    const [low, high] = [Math.max(xs[0], ys[0]), Math.min(xs[1], ys[1])];
    context.strokeStyle = colour("--soft");
    context.setLineDash([4, 4]);
    context.beginPath();
    context.moveTo(this.x(low), this.y(low));
    context.lineTo(this.x(high), this.y(high));
    if (high > low) context.stroke();
    context.setLineDash([]);
    const many = this.points.length > 500;
    for (const here of [false, true]) {
      context.fillStyle = here ? colour("--accent") : colour("--soft");
      context.globalAlpha = here ? 0.9 : many ? 0.25 : 0.6;
      const radius = here ? 3.2 : many ? 1.2 : 2.4;
      for (const point of this.points.filter((each) => each.here === here)) {
        context.beginPath();
        context.arc(this.x(point.x), this.y(point.y), radius, 0, 7);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    const marked = this.points.find((point) => point.position === this.marked);
    if (marked) {
      context.strokeStyle = colour("--ink");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(this.x(marked.x), this.y(marked.y), 7, 0, 7);
      context.stroke();
    }
    context.restore();
  }
  axes(context, frame, xs, ys, colour) {
    context.fillStyle = colour("--ink");
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    context.strokeRect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
    const line = (...ends) => {
      context.beginPath();
      ends.forEach(([x, y]) => context.lineTo(Math.round(x) + 0.5, Math.round(y) + 0.5));
      context.stroke();
    };
    context.textAlign = "center";
    for (const [text, at] of ticks(xs, (frame.right - frame.left) / 60)) {
      line([this.x(at), frame.top], [this.x(at), frame.bottom]);
      context.fillText(text, this.x(at), frame.bottom + 15);
    }
    context.fillText(cutTo(context, this.names[0], frame.right - frame.left),
      (frame.left + frame.right) / 2, frame.bottom + 32);
    context.textAlign = "right";
    for (const [text, at] of ticks(ys, (frame.bottom - frame.top) / 40)) {
      line([frame.left, this.y(at)], [frame.right, this.y(at)]);
      context.fillText(text, frame.left - 5, this.y(at) + 4);
    }
    context.save();
    context.translate(12, (frame.top + frame.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(cutTo(context, this.names[1], frame.bottom - frame.top), 0, 0);
    context.restore();
  }
  // The point next to a pointer; those whose pixels are in the page attract it most.
  nearest(event) {
    const frame = this.canvas.getBoundingClientRect();
    let [best, least] = [null, event.pointerType === "touch" ? 24 : 12];
    for (const point of this.points) {
      const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
      const far = Math.hypot(this.x(point.x) - x, this.y(point.y) - y) + (point.here ? 0 : 2);
      if (far < least) [best, least] = [point, far];
    }
    return best;
  }
  over(event) {
    const point = this.nearest(event);
    this.canvas.style.cursor = point?.here ? "pointer" : "default";
    this.text.textContent = point ? this.tell(point) : this.said;
  }
}
// Round numbers within a range, about so many: their texts and places.
function ticks([low, high], wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const decimals = Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const found = [];
  for (let number = Math.ceil(low / step); number * step <= high; number++) {
    found.push([(number * step).toFixed(decimals), number * step]);
  }
  return found;
}
function cutTo(context, text, width) {
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > width) {
    shown = `${shown.replace(/…$/, "").slice(0, -1)}…`;
  }
  return shown;
}
