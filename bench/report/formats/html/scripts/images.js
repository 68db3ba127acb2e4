// The inspector of images.
// Orange: brighter than the clean image; blue: darker; grey: equal.
function differing(a, b) {
  const d = (a - b) / 64;
  const share = Math.min(1, Math.abs(d));
  const end = d > 0 ? [213, 94, 0] : [1, 115, 178];
  return end.map((c) => Math.round(245 + share * (c - 245)));
}
// Black, violet, orange, white: matplotlib's magma in four steps.
const heat = [[0, 0, 4], [114, 31, 129], [241, 96, 93], [252, 253, 191]];
function hot(v) {
  const at = (v / 255) * 3;
  const low = Math.min(2, Math.floor(at));
  return heat[low].map((c, i) => Math.round(c + (at - low) * (heat[low + 1][i] - c)));
}
class Inspector {
  constructor(element) {
    this.element = element;
    this.data = JSON.parse(element.querySelector("script[data-images]").textContent);
    this.names = all("input[data-filter=method]").map((box) => [...box.parentElement.childNodes].slice(1));
    this.zoom = { scale: 1, x: 0, y: 0 };
    const role = (name) => element.querySelector(`[data-role=${name}]`);
    Object.assign(this, { noise: role("noise"), image: role("image"), view: role("view") });
    Object.assign(this, { legend: role("legend"), panels: role("panels") });
    this.noise.append(...this.data.noises.map(({ name }, index) => new Option(name, index)));
    const any = (test) => this.data.noises.some((noise) => noise.images.some(test));
    if (!any((image) => image.panels.some((panel) => panel.deviation !== null))) {
      this.view.querySelector("[value=deviation]").remove();
    }
    this.choices();
    this.noise.addEventListener("change", () => this.choices());
    this.image.addEventListener("change", () => this.draw());
    this.view.addEventListener("change", () => this.draw());
    role("in").addEventListener("click", () => this.zoomed(1.5));
    role("out").addEventListener("click", () => this.zoomed(1 / 1.5));
    role("reset").addEventListener("click", () => this.zoomed(0));
    element.addEventListener("keydown", (event) => this.key(event));
    this.panels.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.panels.addEventListener("pointerdown", (event) => this.drag(event));
  }
  choices() {
    const noise = this.data.noises[this.noise.selectedIndex];
    const kept = this.image.value;
    const options = noise.images.map(({ position }, i) => new Option(`number ${position}`, i));
    options.push(...Object.keys(noise.cases).map((name) => new Option(`each method's ${name}`, name)));
    this.image.replaceChildren(...options);
    if (options.some((option) => option.value === kept)) this.image.value = kept;
    this.draw();
  }
  draw() {
    const noise = this.data.noises[this.noise.selectedIndex];
    const choice = this.image.value;
    const view = this.view.value;
    const cases = choice in noise.cases;
    this.panels.classList.toggle("triple", cases);
    this.legend.hidden = view === "image";
    this.legend.replaceChildren();
    if (view !== "image") {
      const bar = document.createElement("span");
      const ends = view === "difference" ? ["darker than clean: −0.25", "+0.25"] : ["0", this.data.deviation];
      const colours = Array.from({ length: 9 }, (_, i) =>
        view === "difference" ? differing(i * 32, 128) : hot(i * 31.8));
      bar.style.background = `linear-gradient(90deg, ${colours.map((c) => `rgb(${c.join()})`).join()})`;
      this.legend.append(ends[0], bar, String(ends[1]));
    }
    const panels = [];
    if (cases) {
      for (const panel of noise.cases[choice]) {
        const clean = panel.clean === null ? [] : [panel.clean];
        const pixels = [...clean, panel.noisy, this.shown(panel, panel.clean, view)];
        panels.push(this.panel(`, number ${panel.position}`, pixels, panel));
      }
    } else if (noise.images.length) {
      const image = noise.images[choice || 0];
      if (image.clean !== null) panels.push(this.panel("clean", [{ image: image.clean }]));
      panels.push(this.panel("noisy", [{ image: image.noisy }]));
      for (const panel of image.panels) {
        panels.push(this.panel("", [this.shown(panel, image.clean, view)], panel));
      }
    }
    this.panels.replaceChildren(...panels);
    this.move();
  }
  shown(panel, clean, view) {
    if (view === "difference") return { image: panel.image, clean };
    if (view === "deviation" && panel.deviation !== null) return { deviation: panel.deviation };
    return { image: panel.image };
  }
  panel(name, views, scores) {
    const figure = document.createElement("figure");
    figure.className = "panel";
    if (scores) {
      figure.dataset.method = scores.method;
      figure.hidden = hidden.method.has(String(scores.method));
    }
    const row = document.createElement("div");
    row.className = "views";
    row.append(...views.map((view) => this.canvas(typeof view === "number" ? { image: view } : view)));
    const caption = document.createElement("figcaption");
    if (scores) caption.append(...this.names[scores.method].map((node) => node.cloneNode(true)));
    caption.append(name);
    if (scores) {
      const known = (value, digits) => (value === null ? "–" : value.toFixed(digits));
      const said = this.data.metrics.map(({ title, unit, decimals }, at) =>
        [title, known(scores.scores[at], decimals), unit].filter(Boolean).join(" "));
      for (let at = 0; at < said.length; at += 2) {
        const line = document.createElement("span");
        line.className = "scores";
        line.textContent = said.slice(at, at + 2).join(", ");
        caption.append(line);
      }
    }
    figure.append(row, caption);
    return figure;
  }
  canvas({ image, clean, deviation }) {
    const [height, width, channels, text] = this.data.pixels[image ?? deviation];
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const other = clean === undefined ? null
      : Uint8Array.from(atob(this.data.pixels[clean][3]), (sign) => sign.charCodeAt(0));
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const shown = context.createImageData(width, height);
    const mean = (from, at) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += from[at * channels + c];
      return sum / channels;
    };
    for (let at = 0; at < width * height; at++) {
      let colour;
      if (other) colour = differing(mean(bytes, at), mean(other, at));
      else if (deviation !== undefined) colour = hot(mean(bytes, at));
      else colour = [0, 1, 2].map((c) => bytes[at * channels + (channels === 3 ? c : 0)]);
      shown.data.set([...colour, 255], at * 4);
    }
    context.putImageData(shown, 0, 0);
    const view = document.createElement("div");
    view.className = "view";
    view.style.setProperty("--ratio", `${width} / ${height}`);
    view.append(canvas);
    return view;
  }
  // Scale and place, in shares of a panel's side, are one for all panels.
  zoomed(factor, x = 0.5, y = 0.5) {
    const { zoom } = this;
    const scale = factor ? Math.min(16, Math.max(1, zoom.scale * factor)) : 1;
    const ratio = scale / zoom.scale;
    zoom.x = x - (x - zoom.x) * ratio;
    zoom.y = y - (y - zoom.y) * ratio;
    zoom.scale = scale;
    this.move();
  }
  move(dx = 0, dy = 0) {
    const { zoom } = this;
    zoom.x = Math.min(0, Math.max(1 - zoom.scale, zoom.x + dx));
    zoom.y = Math.min(0, Math.max(1 - zoom.scale, zoom.y + dy));
    for (const canvas of all("canvas", this.panels)) {
      canvas.style.transform = `translate(${zoom.x * 100}%, ${zoom.y * 100}%) scale(${zoom.scale})`;
    }
  }
  key(event) {
    if (event.target.closest("select, button") || event.ctrlKey || event.metaKey) return;
    const keys = {
      "+": () => this.zoomed(1.5), "=": () => this.zoomed(1.5), "-": () => this.zoomed(1 / 1.5),
      0: () => this.zoomed(0), ArrowLeft: () => this.move(0.1), ArrowRight: () => this.move(-0.1),
      ArrowUp: () => this.move(0, 0.1), ArrowDown: () => this.move(0, -0.1),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }
  wheel(event) {
    const view = event.target.closest(".view");
    if (!view || (this.zoom.scale === 1 && event.deltaY > 0)) return; // the page scrolls on
    event.preventDefault();
    const box = view.getBoundingClientRect();
    this.zoomed(event.deltaY < 0 ? 1.25 : 0.8,
      (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }
  drag(event) {
    const view = event.target.closest(".view");
    if (!view) return;
    const box = view.getBoundingClientRect();
    view.setPointerCapture(event.pointerId);
    const moved = (next) => this.move(next.movementX / box.width, next.movementY / box.height);
    view.addEventListener("pointermove", moved);
    view.addEventListener("pointerup", () => view.removeEventListener("pointermove", moved), { once: true });
  }
}
all("[data-inspector]").forEach((element) => new Inspector(element));
