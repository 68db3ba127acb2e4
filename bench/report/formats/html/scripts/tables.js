// Tables are sorted by their heads.
// A column of numbers begins with the largest, or the smallest where that is best.
function value(row, index) {
  const cell = row.cells[index];
  if (!("value" in cell.dataset)) return cell.lastChild.textContent.trim().toLowerCase(); // after the sign
  return cell.dataset.value === "" || isNaN(cell.dataset.value) ? NaN : Number(cell.dataset.value);
}
function compare(a, b, sign) {
  if (typeof a === "string") return sign * a.localeCompare(b);
  if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b); // what was not measured stays last
  return sign * (a - b);
}
for (const table of all("table.sortable")) {
  const heads = all("thead tr:last-child th", table); // the row above names groups of columns
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = index === 0 ? "ascending" : (head.dataset.first ?? "descending");
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const rows = [...table.tBodies[0].rows];
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => compare(value(a, index), value(b, index), sign));
      table.tBodies[0].append(...rows);
      say(`Sorted by ${button.textContent.trim()}, ${order}`);
    });
  });
}
// On paper nothing is folded.
addEventListener("beforeprint", () => all("details.fold:not([open])").forEach((fold) => {
  fold.open = true;
  addEventListener("afterprint", () => (fold.open = false), { once: true });
}));
