// Which methods, noises and data sets are shown, and the address that says so.
const hidden = { method: new Set(), column: new Set(), section: new Set() };
const filters = document.getElementById("filters");
const boxes = (kind) => all(`input[data-filter=${kind}]`);
function filtered() {
  for (const kind of Object.keys(hidden)) {
    hidden[kind] = new Set(boxes(kind).filter((box) => !box.checked).map((box) => box.value));
    for (const element of all(`main [data-${kind}]`)) {
      element.hidden = hidden[kind].has(element.dataset[kind]);
    }
  }
  for (const box of all("input[data-kind]")) {
    const members = all(`input[data-of="${box.dataset.kind}"]`);
    box.checked = members.some((member) => member.checked);
    box.indeterminate = box.checked && members.some((member) => !member.checked);
  }
  const [methods, noises] = ["method", "column"].map((kind) => [boxes(kind).length, hidden[kind].size]);
  const counted = ([number, less], word) => `${number - less} of ${number} ${word}${number === 1 ? "" : "s"}`;
  const shown = `${counted(methods, "method")}, ${counted(noises, "noise")}`;
  document.getElementById("shown").textContent = shown;
  // Tests, ranks and findings are not made anew: they compare all that was measured.
  for (const note of all(".of-all")) {
    note.hidden = !(methods[1] || noises[1]);
    note.textContent = `Shown are ${shown}. Ranks, marks and findings are those of all of them.`;
  }
  charts.forEach((chart) => chart.changed());
  dispatchEvent(new CustomEvent("filtered"));
  remembered();
}
for (const place of all("main .findings, main .scroll:has(table.sortable)")) {
  const note = document.createElement("p");
  note.className = "of-all";
  note.hidden = true;
  place.before(note);
}
// #methods=a&methods=b&noises=c&follow=b: what is shown by name, where not all is; what is followed.
const WORDS = { method: "methods", column: "noises", section: "sets" };
const named = (box) => box.dataset.name;
function remembered() {
  if (!root.hasAttribute("data-ready")) return;
  const state = new URLSearchParams();
  for (const [kind, word] of Object.entries(WORDS)) {
    const shown = boxes(kind).filter((box) => box.checked);
    if (!hidden[kind].size) continue;
    for (const box of shown) state.append(word, named(box));
    if (!shown.length) state.append(word, "");
  }
  const first = all("[data-choose][data-first]").map((button) => button.dataset.choose);
  if (first.length !== chosen.size || first.some((method) => !chosen.has(method))) {
    for (const box of boxes("method")) if (chosen.has(box.value)) state.append("follow", named(box));
    if (!chosen.size) state.append("follow", "");
  }
  const text = String(state);
  if (text || location.hash.includes("=")) {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}
function recalled() {
  if (!location.hash.includes("=")) return revealed();
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [kind, word] of Object.entries(WORDS)) {
    const names = new Set(state.getAll(word));
    for (const box of boxes(kind)) box.checked = !names.size || names.has(named(box));
  }
  if (state.has("follow")) {
    const names = new Set(state.getAll("follow"));
    chosen.clear();
    for (const box of boxes("method")) if (names.has(named(box))) chosen.add(box.value);
  }
  filtered();
  chose();
}
// What a link leads to is not hidden: neither by a filter nor in a fold.
function revealed() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  const [row, cell] = [target.closest("[data-method]"), target.closest("[data-column]")];
  for (const box of [...boxes("method"), ...boxes("column")]) {
    const data = box.dataset.filter === "method" ? row?.dataset.method : cell?.dataset.column;
    if (box.value === data) box.checked = true;
  }
  filtered();
  target.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", recalled);
filters.addEventListener("change", ({ target }) => {
  if ("kind" in target.dataset) {
    all(`input[data-of="${target.dataset.kind}"]`).forEach((box) => (box.checked = target.checked));
  }
  filtered();
});
for (const [name, value] of [["all", true], ["none", false]]) {
  for (const button of all(`button[data-${name}]`)) {
    button.addEventListener("click", () => {
      boxes(button.dataset[name]).forEach((box) => (box.checked = value));
      filtered();
    });
  }
}
