// On a phone what is second to the results is folded; on paper nothing is.
function fold(summary, content, open) {
  const details = document.createElement("details");
  const head = document.createElement("summary");
  summary.before(details);
  head.append(summary);
  details.append(head, ...content);
  Object.assign(details, { className: "fold", open });
}
function folded(section) {
  let tables = 0;
  for (const head of [...section.children].filter((child) => child.matches("h2:not(.name)"))) {
    const content = [];
    for (let next = head.nextElementSibling; next && !next.matches("h2, .fold"); next = next.nextElementSibling) content.push(next);
    const has = (selector) => content.some((part) => part.matches(selector) || part.querySelector(selector));
    // Findings, the two first tables (who leads, and the first metric's means), charts and images.
    const first = has(".findings, .charts, [data-inspector]") || (has("table.sortable") && tables++ < 2);
    fold(head, content, first);
  }
  const further = all(".charts > .chart", section).slice(3);
  if (!further.length) return;
  const head = document.createElement("h3");
  head.textContent = `${further.length} more charts`;
  further[0].before(head);
  fold(head, further, false);
}
if (innerWidth <= 640) all("section.dataset").forEach(folded);
const closed = new Set();
addEventListener("beforeprint", () => {
  for (const details of all("details:not([open])").filter((each) => each !== filters)) {
    closed.add(details);
    details.open = true;
  }
});
addEventListener("afterprint", () => {
  closed.forEach((details) => (details.open = false));
  closed.clear();
});
