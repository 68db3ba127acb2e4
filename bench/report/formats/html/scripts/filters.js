// Which methods, noises and data sets are shown.
const hidden = { method: new Set(), column: new Set(), section: new Set() };
function filtered() {
  for (const kind of Object.keys(hidden)) {
    const boxes = all(`input[data-filter=${kind}]`);
    hidden[kind] = new Set(boxes.filter((box) => !box.checked).map((box) => box.value));
    for (const element of all(`main [data-${kind}]`)) {
      element.hidden = hidden[kind].has(element.dataset[kind]);
    }
  }
  for (const box of all("input[data-kind]")) {
    const members = all(`input[data-of="${box.dataset.kind}"]`);
    box.checked = members.some((member) => member.checked);
    box.indeterminate = box.checked && members.some((member) => !member.checked);
  }
  const methods = all("input[data-filter=method]");
  document.getElementById("shown").textContent =
    `${methods.length - hidden.method.size} of ${methods.length} methods`;
  charts.forEach((chart) => chart.drawn && chart.draw());
}
document.getElementById("filters").addEventListener("change", ({ target }) => {
  if ("kind" in target.dataset) {
    all(`input[data-of="${target.dataset.kind}"]`).forEach((box) => (box.checked = target.checked));
  }
  filtered();
});
for (const [name, value] of [["all", true], ["none", false]]) {
  for (const button of all(`button[data-${name}]`)) {
    button.addEventListener("click", () => {
      all(`input[data-filter=${button.dataset[name]}]`).forEach((box) => (box.checked = value));
      filtered();
    });
  }
}
