// A chart's data and layout for plotly, of what is shown.
const ACCENT = { width: 2.6, size: 9 };
const PALE = { width: 1.1, size: 5 };
// On a dark ground methods have colours of their own; others that would vanish are mixed with white.
const onDark = JSON.parse(document.getElementById("on-dark").textContent);
function lifted(colour, dark) {
  if (dark && colour in onDark) return onDark[colour];
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  if (!dark || isNaN(r) || 0.21 * r + 0.72 * g + 0.07 * b > 105) return colour;
  const share = r + g + b < 60 ? 0.92 : 0.45;
  return `rgb(${[r, g, b].map((c) => Math.round(c + share * (255 - c))).join()})`;
}
// The points of a trace at some positions: all its arrays of that many entries.
function points(trace, kept) {
  const number = trace.x.length;
  const cut = (value) => {
    if (Array.isArray(value)) return value.length === number ? kept.map((at) => value[at]) : value;
    return value && typeof value === "object"
      ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cut(part)])) : value;
  };
  return cut(trace);
}
function shownTrace(trace) {
  if (hidden.method.has(String(trace.meta))) return { ...trace, visible: false };
  if (typeof trace.columns === "number") {
    return hidden.column.has(String(trace.columns)) ? { ...trace, visible: false } : trace;
  }
  if (trace.columns) {
    return points(trace, trace.columns.flatMap((column, at) => (hidden.column.has(String(column)) ? [] : [at])));
  }
  if (trace.methods) {
    const kept = trace.methods.flatMap((method, at) => (hidden.method.has(String(method)) ? [] : [at]));
    if (!kept.length) return { ...trace, visible: false };
    if (trace.type !== "heatmap") return points(trace, kept);
    const square = (rows) => kept.map((row) => kept.map((column) => rows[row][column]));
    return { ...points(trace, kept), z: square(trace.z), customdata: square(trace.customdata) };
  }
  return trace;
}
// Means as differences from the noisy image's, or from those of the best method shown.
function against(axis, data, metric) {
  if (axis === "over") {
    return data.map((trace) => {
      const own = trace.meta === metric.identity;
      const over = trace.over.map((known) => (own ? [0, 0, 0] : known ?? [null, null, null]));
      const error_y = { ...trace.error_y, array: over.map(([d, , high]) => high - d), arrayminus: over.map(([d, low]) => d - low) };
      return { ...trace, y: over.map(([difference]) => difference), error_y };
    });
  }
  const best = new Map();
  const better = metric.higher ? Math.max : Math.min;
  for (const { x, y, visible } of data) {
    if (visible === false) continue;
    x.forEach((at, i) => y[i] !== null && best.set(at, better(y[i], best.get(at) ?? y[i])));
  }
  return data.map((trace) => {
    const y = trace.y.map((mean, i) => (mean === null ? null : mean - (best.get(trace.x[i]) ?? 0)));
    return { ...trace, y, error_y: undefined };
  });
}
// The methods that none shown beats in both cost and quality.
function front(data) {
  const line = data.find((trace) => trace.front);
  if (!line) return data;
  const sign = line.front === "higher" ? 1 : -1;
  const ranked = data.filter((trace) => trace.ranked && trace.visible !== false && trace.x[0] !== null);
  ranked.sort((a, b) => a.x[0] - b.x[0] || sign * (b.y[0] - a.y[0]));
  const kept = [];
  for (const trace of ranked) {
    if (!kept.length || sign * trace.y[0] > sign * kept.at(-1).y[0]) kept.push(trace);
  }
  const known = { ...line, x: kept.map(({ x }) => x[0]), y: kept.map(({ y }) => y[0]) };
  return data.map((trace) => (trace === line ? known : trace));
}
// The followed lines in colour and on top of the others, which are grey.
function followed(data, look, labels) {
  const some = data.some((trace) => chosen.has(String(trace.meta)) && trace.visible !== false);
  const styled = data.map((trace) => {
    const parts = ["line", "marker", "error_y"].filter((name) => trace[name]);
    const own = { ...trace, uid: `of-${trace.meta ?? "none"}` };
    for (const name of parts) own[name] = { ...trace[name], color: trace[name].color && lifted(trace[name].color, look.dark) };
    if (trace.meta === undefined || trace.type === "box") return trace.type === "box" ? own : { ...own, uid: undefined };
    if (own.dotted) own.line.dash = "dot";
    own.strong = some && chosen.has(String(trace.meta));
    own.label = own.strong || !some ? own.marker.color : look.soft;
    own.own = own.marker.color;
    if (own.strong && labels === "ends") {
      own.line.width = ACCENT.width;
    } else if (some && labels === "ends") {
      own.line = { ...own.line, color: look.pale, width: PALE.width };
      own.marker = { ...own.marker, color: look.pale, size: PALE.size };
      if (own.error_y) own.error_y.color = look.pale;
    }
    if (labels === "beside") own.marker.size = own.strong ? 12 : 9;
    return own;
  });
  return styled.sort((a, b) => Number(a.strong ?? -1) - Number(b.strong ?? -1));
}
// What readers see: colours of the page's theme, or of paper.
function looks(paper) {
  if (paper) return { dark: false, ink: "#000000", soft: "#555555", line: "#dddddd", pale: "#b5b5b5" };
  const style = getComputedStyle(root);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
  return { dark: isDark(), ink, soft, line, pale: isDark() ? "#6b6c72" : "#b9b6b0" };
}
function laidOut(figure, data, { axis, labels, width: wide, look }) {
  const layout = structuredClone(figure.layout);
  const base = { color: look.ink, gridcolor: look.line, linecolor: look.line, zeroline: false, automargin: true };
  for (const name of ["xaxis", "yaxis"]) {
    layout[name] = { ...base, ...layout[name], title: { standoff: 8, ...layout[name]?.title } };
  }
  const narrow = wide < 480;
  const size = narrow ? 11 : 13;
  if (axis !== "mean") {
    Object.assign(layout.yaxis, { type: "linear", dtick: undefined, autorangeoptions: undefined, zeroline: true, zerolinecolor: look.soft });
    layout.yaxis.title.text = figure.metric[axis];
  }
  let right = 12;
  if (labels === "ends") {
    const shown = data.filter((trace) => trace.meta !== undefined && trace.visible !== false);
    right = Math.min(wide * 0.42, Math.max(0, ...shown.map((trace) => width(trace.name, size - 1))) + 24);
  }
  layout.margin = { l: 50, r: right, t: 14, b: 46, ...layout.margin };
  layout.font = { color: look.ink, size, family: getComputedStyle(root).getPropertyValue("--ui") };
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.hoverlabel = { font: { family: layout.font.family }, namelength: -1 };
  // On a screen that is touched a drag moves the page.
  layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  return layout;
}
function drawable(figure, view) {
  let data = structuredClone(figure.data).map(shownTrace);
  if (view.axis !== "mean") data = against(view.axis, data, figure.metric);
  data = followed(front(data), view.look, view.labels);
  if (view.width < 480) for (const trace of data) if (trace.type === "heatmap") trace.showscale = false;
  return { data, layout: laidOut(figure, data, view) };
}
