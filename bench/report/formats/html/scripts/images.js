// The inspector of images: what is chosen, by whom it is shown, and the keys.
const BLINK = 700; // milliseconds that blinking shows an image: slower than three a second
const still = matchMedia("(prefers-reduced-motion: reduce)");
class Inspector {
  constructor(element) {
    this.element = element;
    this.data = JSON.parse(element.querySelector("script[data-images]").textContent);
    this.roles = {};
    for (const part of all("[data-role]", element)) this.roles[part.dataset.role] = part;
    Object.assign(this, { decoded: new Map(), values: new Map(), mode: "slider", range: 63.75, second: true });
    const { stage, thumbnails, scatter } = this.roles;
    this.stage = new Stage(stage, () => this.moved());
    this.thumbnails = new Thumbnails(thumbnails,
      async (picture) => this.face(await this.layers(picture)), (picture) => this.choose(picture));
    this.scatter = new Scatter(scatter, (position) => this.open(position));
    this.cards = new Cards(this);
    this.listen(); // the filters tell it to begin
  }
  get noise() {
    return this.data.noises[this.roles.noise.value];
  }
  // What stands for an image in small: clean, if there is such.
  face(layers) {
    return layers.image(layers.of.clean ? "clean" : "noisy");
  }
  layers(picture) {
    if (!this.decoded.has(picture)) {
      const read = (strip) => (strip === null ? null : readPng(this.data.strips[strip]));
      this.decoded.set(picture, Promise.all([read(picture.strip), read(picture.clean)]).then(
        ([strip, clean]) => new Layers(picture, strip, clean)));
    }
    return this.decoded.get(picture);
  }
  listen() {
    const { noise, a, b, sort, range, border, swap, stage, box, other, pause, unbox } = this.roles;
    const click = (button, act) => button?.addEventListener("click", act);
    noise.addEventListener("change", () => this.noised());
    a.addEventListener("change", () => this.compare(a.value, this.b));
    b.addEventListener("change", () => this.compare(this.a, b.value));
    click(swap, () => this.compare(this.b, this.a));
    sort.addEventListener("change", () => this.sorted());
    range.addEventListener("change", () => {
      this.range = Number(range.value);
      this.draw();
    });
    border.addEventListener("input", () => {
      this.stage.border = border.value / 1000;
      this.stage.draw();
    });
    for (const input of all("input[data-mode]", this.element)) {
      input.addEventListener("change", () => this.show(input.value));
    }
    click(this.roles.in, () => this.stage.zoom(1));
    click(this.roles.out, () => this.stage.zoom(-1));
    click(this.roles.reset, () => this.stage.fit());
    click(box, () => this.boxing(!this.stage.boxing));
    click(unbox, () => this.stage.setBox(null));
    click(other, () => this.flip());
    click(pause, () => this.blink(!this.timer));
    still.addEventListener("change", () => this.blink(false));
    stage.addEventListener("pointerdown", () => stage.focus({ preventScroll: true }));
    this.element.addEventListener("keydown", (event) => this.key(event));
    addEventListener("filtered", () => this.filtered());
    new MutationObserver(() => this.scatter.draw()).observe(root, { attributeFilter: ["data-dark", "data-theme"] });
  }
  // Which noises are offered, as the page's filters say.
  filtered() {
    const kept = this.roles.noise.value;
    const shown = this.data.noises.map((each, at) => [each, at]).filter(
      ([each]) => !hidden.column.has(String(each.column)));
    this.roles.noise.replaceChildren(...shown.map(([{ name }, at]) => new Option(name, at)));
    this.roles.nothing.hidden = shown.length > 0;
    this.roles.body.hidden = !shown.length;
    if (!shown.length) return;
    if (shown.some(([, at]) => String(at) === kept)) this.roles.noise.value = kept;
    this.noised();
  }
  async noised() {
    const { noise } = this;
    if (!this.values.has(noise)) this.values.set(noise, this.read(noise));
    const values = await this.values.get(noise);
    if (noise !== this.noise) return; // another was chosen meanwhile
    this.scores = values;
    const largest = (axis) => Math.max(...noise.pictures.map((each) => each.shape[axis]));
    this.stage.makeRoom(largest(2), largest(1));
    const position = this.picture?.position;
    this.order = this.ranked();
    this.picture = noise.pictures.find((each) => each.position === position) || noise.pictures[0];
    this.compare(this.a ?? "noisy", this.b ?? this.order.find((each) => each !== this.data.identity));
  }
  // Of each method the first metric's values of all images.
  async read({ scores }) {
    const positions = Array.isArray(scores.positions)
      ? scores.positions : Array.from({ length: scores.positions }, (_, at) => at);
    const found = { positions, rows: new Map(positions.map((each, row) => [each, row])), of: {} };
    for (const [method, steps] of Object.entries(scores.values)) {
      found.of[method] = await readValues(...steps);
    }
    return found;
  }
  get metric() {
    return this.data.metrics[this.data.leading];
  }
  // The methods that are shown under the noise, the best mean first.
  ranked() {
    const mean = (method) => {
      const known = this.scores.of[method].filter((value) => !isNaN(value));
      return known.reduce((sum, value) => sum + value, 0) / known.length;
    };
    const way = this.metric.higher ? -1 : 1;
    const means = Object.keys(this.scores.of).map((method) => [Number(method), way * mean(method)]);
    const last = (value) => (isNaN(value) ? Infinity : value);
    return means.filter(([method]) => !hidden.method.has(String(method)))
      .sort((one, other) => last(one[1]) - last(other[1])).map(([method]) => method);
  }
  // What can be looked at: clean, noisy, and the methods but identity, which is the noisy image.
  sources() {
    const methods = this.order.filter((method) => method !== this.data.identity).map(String);
    return [...(this.picture.clean === null ? [] : ["clean"]), "noisy", ...methods];
  }
  name(source) {
    if (source === "clean" || source === "noisy") return source;
    return this.data.methods[source].name;
  }
  has(picture, source) {
    return source === "noisy" || (source === "clean" ? picture.clean !== null
      : picture.methods.includes(Number(source)));
  }
  // The method whose scores a source has; undefined of what has none.
  scored(source) {
    const method = source === "noisy" ? this.data.identity : source === "clean" ? undefined : Number(source);
    return method in this.scores.of ? method : undefined;
  }
  // An image's value of the first metric; NaN where it has none.
  value(source, position) {
    const method = this.scored(source);
    const row = this.scores.rows.get(position);
    return method === undefined || row === undefined ? NaN : this.scores.of[method][row];
  }
  // Look at two sources.
  compare(a, b) {
    const sources = this.sources();
    const known = (source, instead) => (sources.includes(String(source)) ? String(source) : instead);
    [this.a, this.b] = [known(a, "noisy"), known(b, sources[sources.indexOf("noisy") + 1] || "noisy")];
    for (const [select, chosen] of [["a", this.a], ["b", this.b]]) {
      this.roles[select].replaceChildren(...sources.map((each) => new Option(this.name(each), each)));
      this.roles[select].value = chosen;
    }
    // Of an image that only some methods kept, or of the first one that both have.
    if (![this.a, this.b].every((source) => this.has(this.picture, source))) {
      this.picture = this.noise.pictures.find((each) =>
        [this.a, this.b].every((source) => this.has(each, source))) || this.noise.pictures[0];
    }
    const [one, other] = [this.name(this.a), this.name(this.b)];
    const texts = [`${other}: worst first`, `${other}: best first`,
      `${other} gains most over ${one}`, `${other} loses most to ${one}`];
    texts.forEach((text, at) => {
      const option = this.roles.sort.options[at + 1];
      option.textContent = text;
      const needed = at < 2 ? [this.b] : [this.a, this.b];
      option.disabled = needed.some((each) => this.scored(each) === undefined);
    });
    if (this.roles.sort.selectedOptions[0]?.disabled) this.roles.sort.value = "number";
    this.sorted();
    this.plot();
    this.draw();
  }
  // The thumbnails in the order that was chosen.
  sorted() {
    const way = this.metric.higher ? 1 : -1;
    const gain = (picture) =>
      way * (this.value(this.b, picture.position) - this.value(this.a, picture.position));
    const own = (picture) => way * this.value(this.b, picture.position);
    const by = { number: (picture) => picture.position, worst: own, best: (picture) => -own(picture),
      gains: (picture) => -gain(picture), loses: gain }[this.roles.sort.value];
    const last = (value) => (isNaN(value) ? Infinity : value);
    const shown = this.noise.pictures.filter((picture) => this.has(picture, this.b));
    shown.sort((one, other) => last(by(one)) - last(by(other)) || one.position - other.position);
    const differing = ["gains", "loses"].includes(this.roles.sort.value);
    this.thumbnails.show(shown.map((picture) => {
      const score = differing ? way * gain(picture) : this.value(this.b, picture.position);
      const text = isNaN(score) ? "" : this.written(score, differing);
      const cases = (this.noise.cases[this.scored(this.b)] || []);
      const kind = ["worst", "median", "best"][cases.indexOf(picture.position)] || "";
      return { picture, name: `Image ${picture.position}${kind && `, ${kind} of ${this.name(this.b)}`}`
        + (text && `, ${text}`), below: [[picture.position, text].filter(String).join(" · "), kind] };
    }));
    this.thumbnails.mark(this.picture);
  }
  // A value of the first metric, or a difference of two.
  written(value, signed = false) {
    const sign = value < 0 ? "−" : signed && value > 0 ? "+" : "";
    const text = `${sign}${Math.abs(value).toFixed(this.metric.decimals)}`;
    return [text, this.metric.unit].filter(Boolean).join(" ");
  }
  plot() {
    const names = [this.a, this.b].map((each) => `${this.name(each)}, ${this.metric.title}`
      + (this.metric.unit && ` (${this.metric.unit})`));
    const apart = this.a !== this.b && [this.a, this.b].every((each) => this.scored(each) !== undefined);
    const there = new Map(this.noise.pictures.map((each) => [each.position, each]));
    const points = !apart ? [] : this.scores.positions.map((position) => ({ position,
      x: this.value(this.a, position), y: this.value(this.b, position),
      here: there.has(position) && this.has(there.get(position), this.b),
    })).filter(({ x, y }) => !isNaN(x) && !isNaN(y));
    const better = points.filter(({ x, y }) => (this.metric.higher ? y > x : y < x)).length;
    const said = apart
      ? `${this.name(this.b)} is better than ${this.name(this.a)} on ${better.toLocaleString("en")} of `
        + `${points.length.toLocaleString("en")} images; ${points.filter((each) => each.here).length} of `
        + "them, in colour, open by a click."
      : "Choose two that were measured, and each image is a point here.";
    const tell = (point) => `Image ${point.position}: ${this.name(this.a)} ${this.written(point.x)}, `
      + `${this.name(this.b)} ${this.written(point.y)}${point.here ? "" : "; its pixels are not in this page"}`;
    this.scatter.show({ points, names, said, tell });
    this.scatter.mark(this.picture.position);
  }
  open(position) {
    const picture = this.noise.pictures.find((each) => each.position === position);
    if (picture && this.has(picture, this.b)) this.choose(picture);
    else say(`The pixels of image ${position} are not in this page`);
  }
  choose(picture) {
    this.picture = picture;
    if (!this.has(picture, this.a)) return this.compare("noisy", this.b);
    this.thumbnails.mark(picture);
    this.scatter.mark(picture.position);
    return this.draw();
  }
  show(mode) {
    this.mode = mode;
    const input = this.element.querySelector(`input[data-mode][value=${mode}]`);
    if (input) input.checked = true;
    this.second = true;
    this.draw();
    this.blink(mode === "blink" && !still.matches);
  }
  // Start or stop to alternate.
  blink(on) {
    clearInterval(this.timer);
    this.timer = on && !still.matches ? setInterval(() => this.flip(), BLINK) : null;
    this.roles.pause.textContent = this.timer ? "Pause" : "Blink";
    this.roles.pause.hidden = this.mode !== "blink" || still.matches;
  }
  flip() {
    if (this.mode !== "blink") this.show("blink");
    this.second = !this.second;
    this.draw();
  }
  boxing(on) {
    this.stage.boxing = on;
    this.roles.box.setAttribute("aria-pressed", String(on));
    if (on && !this.stage.box) this.stage.middleBox();
    else this.stage.placed();
  }
  async draw() {
    const { picture, a, b } = this;
    const layers = await this.layers(picture);
    if (picture !== this.picture || a !== this.a || b !== this.b) return; // changed meanwhile
    this.roles.deviation.hidden = !(b in layers.deviations);
    if (this.mode === "deviation" && this.roles.deviation.hidden) return this.show("slider");
    const { mode } = this;
    const [first, second] = [layers.image(a), layers.image(b)];
    const view = { slider: [first, second], blink: [this.second ? second : first] };
    if (mode === "difference") view.difference = [layers.difference(a, b, this.range)];
    if (mode === "deviation") view.deviation = [layers.deviation(b)];
    this.stage.show(layers, ...view[mode]);
    this.captions(mode);
    this.cards.show(layers);
    return Object.assign(this.element.dataset, { position: picture.position, a, b, shows: mode });
  }
  // What says what is seen, beside the view and for those who do not see it.
  captions(mode) {
    const { roles } = this;
    const [one, other] = [this.name(this.a), this.name(this.b)];
    const at = `Image ${this.picture.position} at ${this.noise.name}`;
    const seen = this.second ? other : one;
    const said = { slider: `left ${one}, right ${other}`, blink: `${seen} (of ${one} and ${other})`,
      difference: `${other} less ${one}`, deviation: `deviation that ${other} predicts` }[mode];
    roles.caption.textContent = `${at}: ${said}`;
    this.stage.canvas.setAttribute("aria-label", `${at}: ${said}`);
    roles.left.textContent = mode === "slider" ? one : mode === "blink" ? seen : "";
    roles.right.textContent = mode === "slider" ? other : "";
    roles.legend.hidden = mode !== "difference" && mode !== "deviation";
    roles.ranged.hidden = mode !== "difference";
    const [low, high] = mode === "difference"
      ? [`darker, −${(this.range / 255).toFixed(2)}`, `brighter, +${(this.range / 255).toFixed(2)}`]
      : ["0", String(this.data.deviation)];
    const colours = Array.from({ length: 9 }, (_, i) =>
      mode === "difference" ? differing(i / 4 - 1, 1) : hot(i * 31.8));
    roles.scale.style.background = `linear-gradient(90deg, ${colours.map((c) => `rgb(${c.join()})`).join()})`;
    [roles.low.textContent, roles.high.textContent] = [low, high];
    roles.border.hidden = mode !== "slider";
    roles.other.hidden = mode !== "blink";
    roles.pause.hidden = mode !== "blink" || still.matches;
  }
  // The view was moved, zoomed, or has another box.
  moved() {
    const { view, box, border } = this.stage;
    this.roles.zoom.textContent = `${view.scale}:1`;
    this.roles.border.value = Math.round(border * 1000);
    this.roles.unbox.hidden = !box;
    this.cards.moved();
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const act = this.acts(event);
    if (!act) return;
    event.preventDefault();
    act();
  }
  acts(event) {
    const { stage } = this;
    const within = event.target.matches("input"); // whose arrows are its own
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow) {
      if (within) return null;
      if (stage.boxing && stage.box) return () => stage.moveBox(...arrow, event.shiftKey);
      const step = Math.max(stage.view.scale, Math.round(stage.size[0] / 10));
      return () => stage.move(-arrow[0] * step, -arrow[1] * step);
    }
    const digit = /^Digit([1-9])$/.exec(event.code)?.[1] || (/^[1-9]$/.test(event.key) && event.key);
    if (digit) {
      const method = this.order.filter((each) => each !== this.data.identity)[digit - 1];
      if (method === undefined) return null;
      return () => (event.shiftKey ? this.compare(method, this.b) : this.compare(this.a, method));
    }
    const beside = (way) => () => {
      const next = this.thumbnails.beside(this.picture, way);
      if (next) this.choose(next);
    };
    const onButton = event.key === " " && event.target.closest("button, input");
    return onButton ? null : { "+": () => stage.zoom(1), "=": () => stage.zoom(1), "-": () => stage.zoom(-1),
      0: () => stage.fit(), " ": () => this.flip(), x: () => this.compare(this.b, this.a),
      b: () => this.boxing(!stage.boxing), n: beside(1), p: beside(-1),
      Escape: stage.box || stage.boxing ? () => { this.boxing(false); stage.setBox(null); } : null,
    }[event.key] || null;
  }
}
const inspectors = all("[data-inspector]").map((element) => new Inspector(element));
