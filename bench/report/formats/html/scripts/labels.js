// Names beside what they name: at the ends of lines, or beside points.
const LINE = 15; // px from one label to the next
const ruler = document.createElement("canvas").getContext("2d");
function width(text, size) {
  ruler.font = `600 ${size}px ${getComputedStyle(root).getPropertyValue("--ui")}`;
  return ruler.measureText(plain(text)).width;
}
// Plotly takes names for markup, so that Python escaped them.
const plain = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
function fitted(name, size, most) {
  let text = plain(name);
  if (width(name, size) <= most) return name;
  while (text.length > 4 && width(escaped(text) + "…", size) > most) text = text.slice(0, -1);
  return escaped(text) + "…";
}
// Places from low to high, each as near to where it is wanted as the others let it: wanted places
// that are too close become one block around their mean (pool adjacent violators).
function apart(wanted, step, low, high) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const blocks = [];
  order.forEach((index, rank) => {
    blocks.push({ sum: wanted[index] - rank * step, members: [index] });
    while (blocks.length > 1) {
      const [before, last] = blocks.slice(-2);
      if (before.sum / before.members.length <= last.sum / last.members.length) break;
      blocks.splice(-2, 2, { sum: before.sum + last.sum, members: [...before.members, ...last.members] });
    }
  });
  const places = [];
  const top = Math.max(low, high - (wanted.length - 1) * step);
  let rank = 0;
  for (const { sum, members } of blocks) {
    const start = Math.min(top, Math.max(low, sum / members.length));
    for (const index of members) places[index] = start + step * rank++;
  }
  return places;
}
// The last shown point of each line in pixels, within the axes as they are drawn.
function ends(box) {
  const { xaxis, yaxis } = box._fullLayout;
  const found = [];
  box.data.forEach((trace) => {
    if (trace.visible === false || trace.meta === undefined) return;
    for (let at = trace.y.length - 1; at >= 0; at--) {
      if (trace.y[at] === null || trace.x[at] === null) continue;
      const [x, y] = [xaxis.d2p(trace.x[at]), yaxis.d2p(trace.y[at])];
      const inside = x >= -1 && x <= xaxis._length + 1 && y >= -1 && y <= yaxis._length + 1;
      if (inside) found.push({ trace, x, y });
      break;
    }
  });
  return found;
}
function annotation(box, { trace, x, y }, dx, dy, room, xanchor = "left") {
  const { xaxis, yaxis, font } = box._fullLayout;
  const lit = trace.lit !== false;
  const name = fitted(trace.name, font.size - 1, room);
  return {
    // In shares of the axes: pixels of the plot's area.
    xref: "x domain", yref: "y domain",
    x: x / xaxis._length, y: 1 - y / yaxis._length,
    ax: dx, ay: dy, xanchor, yanchor: "middle", text: lit && trace.strong ? `<b>${name}</b>` : name,
    font: { size: font.size - 1, color: trace.label }, captureevents: true, name: String(trace.meta),
    showarrow: true, arrowhead: 0, arrowwidth: 0.8, arrowcolor: trace.label, standoff: 5, startstandoff: 1,
    borderpad: 0, opacity: 1,
  };
}
function endLabels(box) {
  const { xaxis, yaxis, margin } = box._fullLayout;
  const found = ends(box);
  const places = apart(found.map(({ y }) => y), LINE, 4, yaxis._length - 4);
  return found.map((end, at) =>
    annotation(box, end, xaxis._length - end.x + 16, places[at] - end.y, margin.r - 20));
}
// Each beside its point where it covers least: near ones first, the chosen before the others.
function besideLabels(box) {
  const { xaxis, yaxis, font } = box._fullLayout;
  const found = ends(box).sort((a, b) => Number(b.trace.strong) - Number(a.trace.strong));
  const taken = found.map(({ x, y }) => [x - 6, y - 6, x + 6, y + 6, 1]);
  const covers = ([a, b, c, d]) =>
    taken.reduce((sum, [e, f, g, h, weight]) =>
      sum + weight * Math.max(0, Math.min(c, g) - Math.max(a, e)) * Math.max(0, Math.min(d, h) - Math.max(b, f)), 0);
  return found.map((end) => {
    const wide = width(end.trace.name, font.size - 1) + 4;
    let best;
    for (const far of [12, 24, 40, 60, 90, 120]) {
      for (const [right, down] of [[1, 0], [-1, 0], [1, -1], [1, 1], [-1, -1], [-1, 1], [0, -1], [0, 1]]) {
        const [dx, dy] = [right * far, down * (right ? far * 0.8 : far)];
        const left = end.x + dx - (right < 0 ? wide : right ? 0 : wide / 2);
        const area = [left, end.y + dy - 8, left + wide, end.y + dy + 8];
        const outside = Math.max(0, -left) + Math.max(0, left + wide - xaxis._length - 8) +
          Math.max(0, -area[1]) + Math.max(0, area[3] - yaxis._length);
        const cost = covers(area) + 40 * outside + 0.4 * far;
        if (!best || cost < best.cost) best = { cost, dx, dy, area, anchor: ["right", "center", "left"][right + 1] };
      }
    }
    taken.push([...best.area, 4]); // names on each other are not read at all
    return annotation(box, end, best.dx, best.dy, 400, best.anchor);
  });
}
const LABELS = { ends: endLabels, beside: besideLabels };
