// Charts are drawn by plotly when they come into view.
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
// Colours that would vanish on a dark ground are mixed with white.
function lifted(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  if (!isDark() || isNaN(r) || 0.21 * r + 0.72 * g + 0.07 * b > 105) return colour;
  const share = r + g + b < 60 ? 0.92 : 0.45;
  return `rgb(${[r, g, b].map((c) => Math.round(c + share * (255 - c))).join()})`;
}
class Chart {
  constructor(script) {
    this.figures = JSON.parse(script.textContent);
    this.box = document.getElementById(script.dataset.chart);
    this.choice = 0;
    this.drawn = false;
    const select = document.querySelector(`select[data-for="${script.dataset.chart}"]`);
    select?.addEventListener("change", () => {
      this.choice = select.selectedIndex;
      this.draw();
    });
  }
  draw() {
    const style = getComputedStyle(root);
    const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const { data, layout } = structuredClone(this.figures[this.choice]);
    for (const trace of data) {
      if (hidden.method.has(String(trace.meta))) trace.visible = false;
      if (trace.type === "heatmap") {
        if (this.box.clientWidth < 480) trace.showscale = false;
        continue;
      }
      for (const part of [trace.line, trace.marker, trace.error_y]) {
        if (part?.color) part.color = lifted(part.color);
      }
    }
    const axis = { color: ink, gridcolor: line, linecolor: line, zeroline: false, automargin: true };
    for (const name of ["xaxis", "yaxis"]) {
      layout[name] = { ...axis, ...layout[name], title: { standoff: 8, ...layout[name]?.title } };
    }
    layout.margin = { l: 50, r: 12, t: 14, b: 46, ...layout.margin };
    const narrow = this.box.clientWidth < 480;
    layout.font = { color: ink, size: narrow ? 11 : 13, family: style.getPropertyValue("--ui") };
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.hoverlabel = { font: { family: style.getPropertyValue("--ui") }, namelength: -1 };
    Plotly.react(this.box, data, layout, config);
    this.drawn = true;
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
addEventListener("beforeprint", () => charts.forEach((chart) => chart.draw()));
