// The pages' behaviour: theme, filters, sorting, zoom; what is chosen stands in the address, so that
// a link shows the same. Names from outside come here as values to compare, and are set as text.
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = (text) => {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (status.textContent = ""), 2500);
};

// Light or dark, as the system or the reader says.
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const themeButton = document.getElementById("theme");
function themed() {
  themeButton.textContent = isDark() ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
}
themeButton.addEventListener("click", () => {
  kept.theme = root.dataset.theme = isDark() ? "light" : "dark";
  themed();
});
system.addEventListener("change", themed);

// What is shown, as the address says: `#class=filter,fitted&find=net&sort=4.descending&zoom=3`.
const boxes = all("input[data-facet]"), items = all("[data-item]"), zooms = all("button[data-zoom]");
const find = document.getElementById("find");
const heads = all("table.sortable thead th");
const facets = [...new Set(boxes.map((box) => box.dataset.facet))];
const state = { sort: "", zoom: "" };

function read() {
  if (location.hash && !location.hash.includes("=")) return; // of a place on the page
  const said = new URLSearchParams(location.hash.slice(1));
  for (const box of boxes) {
    const shown = said.get(box.dataset.facet);
    box.checked = shown === null || shown.split(",").includes(box.value);
  }
  if (find) find.value = said.get("find") ?? "";
  state.zoom = said.get("zoom") ?? "";
  state.sort = said.get("sort") ?? "";
  apply();
}
function write() {
  const said = new URLSearchParams();
  for (const facet of facets) {
    const own = boxes.filter((box) => box.dataset.facet === facet);
    const shown = own.filter((box) => box.checked);
    if (shown.length < own.length) said.set(facet, shown.map((box) => box.value).join(","));
  }
  if (find?.value.trim()) said.set("find", find.value.trim());
  for (const name of ["sort", "zoom"]) if (state[name]) said.set(name, state[name]);
  const address = `#${said.toString().replaceAll("%2C", ",")}`;
  try {
    history.replaceState(null, "", address === "#" ? location.href.split("#")[0] : address);
  } catch {
    location.replace(address);
  }
  apply();
}
function apply() {
  const wanted = find ? find.value.trim().toLowerCase() : "";
  let count = 0;
  for (const item of items) {
    const kept = facets.every((facet) => {
      if (!(facet in item.dataset)) return true;
      const own = item.dataset[facet].split(" ");
      return boxes.some((box) => box.dataset.facet === facet && box.checked && own.includes(box.value));
    });
    item.hidden = !kept || !item.dataset.find.includes(wanted);
    count += !item.hidden;
  }
  const shown = document.getElementById("shown");
  if (shown) shown.textContent = count < items.length ? `${count} of ${items.length} shown` : `all ${items.length} shown`;
  sorted();
  zoomed();
}
for (const box of boxes) box.addEventListener("change", write);
find?.addEventListener("input", write);
document.getElementById("reset")?.addEventListener("click", () => {
  boxes.forEach((box) => (box.checked = true));
  if (find) find.value = "";
  state.sort = state.zoom = "";
  write();
});

// Tables are sorted by their heads: numbers the largest first, or the smallest where that is best.
const order = items.filter((item) => item.matches("tr"));
const value = (row, index) => {
  const cell = row.cells[index];
  if (!("value" in cell.dataset)) return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
};
function sorted() {
  if (!order.length || !heads.length) return;
  const [index, direction] = state.sort.split(".");
  const head = heads[Number(index)];
  heads.forEach((each) => each.removeAttribute("aria-sort"));
  const rows = [...order];
  if (state.sort && head?.querySelector("button")) {
    const sign = direction === "ascending" ? 1 : -1;
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    rows.sort((one, other) => {
      const [a, b] = [value(one, index), value(other, index)];
      if (typeof a === "string" && typeof b === "string") return sign * a.localeCompare(b);
      if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b); // what was not measured stays last
      return sign * (a - b);
    });
  }
  order[0].parentElement.append(...rows);
}
heads.forEach((head, index) => {
  if (!("first" in head.dataset)) return;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const first = head.dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    state.sort = `${index}.${head.getAttribute("aria-sort") === first ? other : first}`;
    write();
    say(`Sorted by ${button.textContent.trim()}, ${state.sort.split(".")[1]}`);
  });
});

// Images have whole numbers of pixels of the screen's to each of theirs.
function zoomed() {
  for (const image of all("img[data-own]")) {
    const factor = Number(state.zoom) || Number(image.dataset.factor);
    image.width = factor * Number(image.dataset.own);
    image.height = factor * Number(image.dataset.tall);
    image.closest("figure").style.width = `${image.width}px`;
  }
  for (const button of zooms) {
    button.setAttribute("aria-pressed", String(button.dataset.zoom === (state.zoom || button.dataset.usual)));
  }
}
for (const button of zooms) {
  button.addEventListener("click", () => {
    state.zoom = button.dataset.zoom;
    write();
  });
}

for (const button of all("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      say("Copied");
    } catch {
      getSelection().selectAllChildren(code);
      say("Selected: copy it with the keyboard");
    }
  });
}
document.getElementById("link")?.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    say("Link copied");
  } catch {
    say("Copy the link from the address bar");
  }
});
addEventListener("hashchange", read);
themed();
read();
if (document.querySelector("details.filters")) document.querySelector("details.filters").open = innerWidth > 640;
root.dataset.ready = "";
