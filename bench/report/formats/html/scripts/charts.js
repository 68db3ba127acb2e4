// Charts are drawn by plotly when they come into view, and anew when what is shown changes.
// Nothing of plotly's own bar: of its buttons one sends data away, and all cover what they are beside.
const config = { displayModeBar: false, showSendToCloud: false, plotlyServerURL: "", responsive: true };
// Plotly, unpacked once: the policy knows the text by its digest.
let library;
function plotly() {
  library ??= (async () => {
    const packed = atob(document.getElementById("library").textContent);
    const stream = new Blob([Uint8Array.from(packed, (sign) => sign.charCodeAt(0))]).stream();
    const script = document.createElement("script");
    script.textContent = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(script);
    script.remove();
  })();
  return library;
}
class Chart {
  constructor(script) {
    this.figures = JSON.parse(script.textContent);
    this.box = document.getElementById(script.dataset.chart);
    this.element = this.box.closest("figure");
    const part = (name) => this.element.querySelector(`[data-role=${name}]`);
    Object.assign(this, { select: part("choice"), axis: part("axis"), reset: part("reset"), empty: part("empty") });
    this.labels = this.box.dataset.labels;
    this.drawn = false;
    for (const select of [this.select, this.axis]) select?.addEventListener("change", () => this.changed());
    this.reset.addEventListener("click", () => this.draw());
    for (const button of all("[data-save]", this.element)) {
      button.addEventListener("click", () => this.save(button.dataset.save));
    }
    this.box.addEventListener("keydown", (event) => this.key(event));
  }
  get choice() {
    return this.select ? this.select.selectedIndex : 0;
  }
  get figure() {
    return this.figures[Math.max(0, this.choice)];
  }
  // What is left to choose from, of what is shown.
  options() {
    const gone = ({ of }) => ["method", "column"].some((kind) =>
      of[`${kind}s`]?.length && of[`${kind}s`].every((index) => hidden[kind].has(String(index))));
    const there = this.figures.map((figure) => !gone(figure));
    if (this.select) {
      [...this.select.options].forEach((option, at) => (option.hidden = option.disabled = !there[at]));
      if (!there[this.select.selectedIndex] && there.includes(true)) this.select.selectedIndex = there.indexOf(true);
    }
    const none = !there.includes(true);
    this.empty.hidden = !none;
    this.box.hidden = none;
    const axis = this.figure.metric;
    if (this.axis) this.axis.querySelector("[value=over]").hidden = axis?.identity === null;
    return !none;
  }
  changed() {
    const any = this.options();
    if (this.drawn && any) this.draw();
  }
  view(paper, wide) {
    const axis = this.axis?.value ?? "mean";
    return { axis, labels: this.labels, width: wide ?? this.box.clientWidth, look: looks(paper) };
  }
  async draw() {
    await plotly();
    this.drawNow();
  }
  drawNow(paper = false, wide = undefined) {
    if (!this.options()) return;
    const { data, layout } = drawable(this.figure, this.view(paper, wide));
    if (wide) Object.assign(layout, { width: wide, height: this.box.clientHeight });
    Plotly.react(this.box, data, layout, { ...config, responsive: !wide });
    this.label(this.box);
    if (!this.drawn) this.listen();
    this.drawn = true;
    this.reset.hidden = true;
  }
  label(box) {
    const place = LABELS[this.labels];
    if (place) Plotly.relayout(box, { annotations: place(box) });
  }
  listen() {
    const { box } = this;
    box.on("plotly_relayout", (change) => {
      if ("annotations" in change) return;
      this.label(box);
      if (Object.keys(change).some((name) => name.includes("range"))) this.reset.hidden = "xaxis.autorange" in change;
    });
    box.on("plotly_autosize", () => this.label(box));
    if (!this.labels) return;
    box.on("plotly_hover", ({ points: [point] }) => this.point(point.data.meta));
    box.on("plotly_unhover", () => this.point());
    box.on("plotly_click", ({ points: [point] }) => point.data.meta !== undefined && choose(String(point.data.meta)));
    box.on("plotly_clickannotation", ({ annotation }) => choose(annotation.name));
    box.addEventListener("pointerover", ({ target }) => {
      const label = target.closest?.(".annotation");
      if (label) this.point(box.layout.annotations[label.dataset.index].name);
      else if (this.onLabel) this.point();
      this.onLabel = Boolean(label);
    });
  }
  // A line that is pointed at lies on top in its colour.
  point(method) {
    for (const group of all("g.pointed", this.box)) group.classList.remove("pointed");
    this.pointed = method === undefined ? undefined : String(method);
    if (method === undefined) return;
    const trace = this.box.data.find(({ meta }) => String(meta) === this.pointed);
    const group = this.box.querySelector(`g.traceof-${CSS.escape(this.pointed)}`);
    const label = this.box.layout.annotations?.findIndex(({ name }) => name === this.pointed);
    for (const element of [group, this.box.querySelector(`.annotation[data-index="${label}"]`)]) {
      element?.style.setProperty("--own", trace.own);
      element?.classList.add("pointed");
    }
    group?.parentNode.append(group);
  }
  // Up and down go through the lines from the best one, Enter follows one.
  key(event) {
    if (event.target !== this.box || !this.drawn || !this.labels) return;
    const order = ends(this.box).sort((a, b) => a.y - b.y).map(({ trace }) => trace);
    const at = order.findIndex(({ meta }) => String(meta) === this.pointed);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && order.length) {
      const next = order[at < 0 ? (step > 0 ? 0 : order.length - 1) : (at + step + order.length) % order.length];
      this.point(next.meta);
      const value = next.y.findLast((each) => each !== null);
      say(`${plain(next.name)}: ${Number(value.toPrecision(4))}; ${order.indexOf(next) + 1} of ${order.length}`);
    } else if (["Enter", " "].includes(event.key) && this.pointed !== undefined) {
      const { pointed } = this;
      choose(pointed);
      say(`${plain(order[at]?.name ?? "")} ${chosen.has(pointed) ? "followed" : "no longer followed"}`);
      this.point(pointed);
    } else if (event.key === "Escape") {
      this.point();
    } else return;
    event.preventDefault();
  }
  // A picture that can be read without the page: title, what is shown, names, paper's colours.
  async save(format) {
    await plotly();
    const [wide, high] = [860, Math.max(480, this.box.clientHeight + 90)];
    const { data, layout } = drawable(this.figure, this.view(true, wide));
    const { title, key, section } = this.box.dataset;
    const choice = this.select?.selectedOptions[0].textContent ?? this.box.dataset.of;
    const subtitle = [section, choice, key].filter(Boolean).join(" · ");
    layout.title = { text: `<b>${escaped(title)}</b>`, x: 0.02, xanchor: "left", y: 0.975, yanchor: "top", subtitle: { text: escaped(subtitle) } };
    layout.margin.t += 68;
    Object.assign(layout, { width: wide, height: high, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" });
    const box = document.createElement("div");
    box.className = "aside";
    document.body.append(box);
    try {
      await Plotly.newPlot(box, data, layout, { ...config, responsive: false });
      this.label(box);
      const filename = `${title} ${choice}`.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^-|-$/g, "").toLowerCase();
      await Plotly.downloadImage(box, { format, width: wide, height: high, scale: format === "png" ? 2 : 1, filename });
    } finally {
      Plotly.purge(box);
      box.remove();
    }
  }
}
const charts = all("script[data-chart]").map((script) => new Chart(script));
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      const chart = charts.find((each) => each.box === entry.target);
      if (!chart.drawn) chart.draw();
      seen.unobserve(entry.target);
    }
  },
  { rootMargin: "300px" },
);
charts.forEach((chart) => seen.observe(chart.box));
// On paper all are drawn, as wide as it is.
const PAPER = 660;
addEventListener("beforeprint", () => {
  // What is folded has no width yet, and is unfolded before.
  if ("Plotly" in window) charts.forEach((chart) => chart.drawNow(true, PAPER));
});
addEventListener("afterprint", () => charts.forEach((chart) => chart.changed()));
