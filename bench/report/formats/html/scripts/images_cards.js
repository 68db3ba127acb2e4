// A card for each source: the same place of the image, its scores, and the PSNR of a box.
class Cards {
  constructor(inspector) {
    this.inspector = inspector;
    this.element = inspector.roles.cards;
    this.cards = new Map();
  }
  show(layers) {
    const { inspector } = this;
    const sources = inspector.sources();
    const methods = sources.filter((each) => each !== "clean" && each !== "noisy");
    this.layers = layers;
    const cards = new Map();
    for (const source of sources) {
      const card = this.cards.get(source) || this.card(source);
      card.element.disabled = !(source in layers.of);
      const key = methods.indexOf(source) + 1;
      card.key.textContent = key >= 1 && key <= 9 ? key : "";
      card.lines.replaceChildren(...this.lines(source).map((text) => {
        const line = document.createElement("span");
        line.textContent = text;
        return line;
      }));
      const [a, b] = [source === inspector.a, source === inspector.b];
      card.element.setAttribute("aria-pressed", String(b));
      card.side.textContent = [a && "A", b && "B"].filter(Boolean).join(" ");
      cards.set(source, card);
    }
    this.cards = cards;
    this.element.replaceChildren(...[...cards.values()].map((card) => card.element));
    this.moved();
  }
  card(source) {
    const make = (tag, name) => Object.assign(document.createElement(tag), { className: name });
    const element = make("button", "card");
    element.type = "button";
    element.dataset.source = source;
    const canvas = make("canvas", "");
    canvas.setAttribute("aria-hidden", "true");
    const [head, key, side, name, lines, box] =
      ["head", "key", "side", "name", "scores", "box"].map((each) => make("span", each));
    const method = this.inspector.data.methods[source];
    if (method) {
      element.dataset.method = source;
      const sign = make("span", "sign");
      sign.style.setProperty("--own", method.colour);
      sign.setAttribute("aria-hidden", "true");
      sign.textContent = method.sign;
      name.append(sign);
    }
    // A long name breaks before its parameters.
    const [first, ...others] = this.inspector.name(source).split(/(?=\[)/);
    name.append(first, ...others.flatMap((part) => [document.createElement("wbr"), part]));
    head.append(key, name, side);
    element.append(canvas, head, lines, box);
    element.addEventListener("click", (event) => {
      const { inspector } = this;
      if (event.shiftKey) inspector.compare(source, inspector.b);
      else inspector.compare(inspector.a, source);
    });
    return { element, canvas, key, side, lines, box };
  }
  // What was measured on the image, a value a line.
  lines(source) {
    const { inspector } = this;
    const scores = inspector.picture.scores[inspector.scored(source)];
    if (!scores) return source === "clean" ? [] : ["not measured"];
    return inspector.data.metrics.map(({ title, unit, decimals }, at) => {
      const value = scores[at] === null ? "–" : scores[at].toFixed(decimals);
      return (unit && at === inspector.data.leading ? [value, unit] : [title, value, unit])
        .filter(Boolean).join(" ");
    });
  }
  moved() {
    if (!this.layers) return;
    const { stage } = this.inspector;
    const { x, y, scale } = stage.view;
    const room = [...this.cards.values()][0].element.clientWidth - 10;
    // As much as the large view shows, where that fits.
    const seen = Math.max(...["width", "height"].map((side) =>
      Math.min(stage.shown[side], stage.canvas[side] / scale)));
    const factor = Math.max(1, Math.floor((room * (devicePixelRatio || 1)) / seen));
    for (const [source, card] of this.cards) {
      if (source in this.layers.of) drawCrop(card.canvas, this.layers.image(source), room, factor, x, y);
    }
    this.measure(stage.box);
  }
  // The box of each card, and what the box is, below the view.
  measure(box) {
    const { inspector, layers } = this;
    const measured = box && layers.of.clean;
    const found = new Map();
    for (const [source, card] of this.cards) {
      card.box.textContent = "";
      card.box.classList.remove("best");
      if (!measured || source === "clean" || !(source in layers.of)) continue;
      const psnr = layers.psnr(source, box);
      found.set(card, psnr);
      card.box.textContent = isFinite(psnr) ? `box ${psnr.toFixed(2)} dB` : "box: no error";
    }
    const best = Math.max(...found.values());
    for (const [card, psnr] of found) card.box.classList.toggle("best", psnr === best);
    const { boxed } = inspector.roles;
    boxed.textContent = !box ? "" : `Box: x ${box[0]} to ${box[2]}, y ${box[1]} to ${box[3]}, of `
      + `${layers.width} × ${layers.height} pixels in this page. ${measured
        ? "PSNR in it is computed here, from pixels rounded to 8 bits; other scores are of the whole "
          + "image as it was measured."
        : "There is no ground truth to hold it to."}`;
  }
}
