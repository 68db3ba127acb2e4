// The methods that the reader follows: in colour in all charts, marked in all tables.
const chosen = new Set(all("[data-choose][data-first]").map((button) => button.dataset.choose));
function choose(method) {
  chosen.delete(method) || chosen.add(method);
  chose();
}
function chose() {
  for (const button of all("[data-choose]")) {
    button.setAttribute("aria-pressed", String(chosen.has(button.dataset.choose)));
  }
  for (const row of all("main tr[data-method]")) {
    row.classList.toggle("chosen", chosen.has(row.dataset.method));
  }
  charts.forEach((chart) => chart.changed());
  remembered();
}
for (const button of all("[data-choose]")) {
  button.addEventListener("click", () => choose(button.dataset.choose));
}
