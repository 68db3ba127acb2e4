// Tables are copied as they are shown: what is hidden stays out, rows keep their order.
const { signs, letters, noises } = JSON.parse(document.getElementById("written").textContent);
const oneLine = (text) => text.replace(/\s+/g, " ").trim();
function textOf(element, without) {
  const copy = element.cloneNode(true);
  all(without, copy).forEach((part) => part.remove());
  return oneLine(copy.textContent);
}

// Text from outside in each format, as the reports in Python escape it: latex/escape.py,
// core/text.py, csv_tables.py.
function latexSign(sign) {
  if (sign === "\0") return "{}";
  if (sign in signs) return signs[sign];
  if (sign <= "\x7f" || letters.includes(sign)) return sign;
  const simple = sign.normalize("NFKC");
  if (simple !== sign && /^[\x01-\x7f]*$/.test(simple)) return [...simple].map(latexSign).join("");
  return `[U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
}
// Two of some signs would become one: a dash, a quotation mark.
const latexText = (text) =>
  [...text.normalize("NFC").replace(/([-,'!?])(?=\1)/g, "$1\0")].map(latexSign).join("");
const markdownText = (text) =>
  text
    .replace(/[\\`*_|<>&~$]/g, "\\$&")
    .replaceAll("](", "]\\(")
    .replace(/@|#(?=\d)|:(?=\/\/)|\bwww(?=\.)/gi, "$&&#8203;");
function csvText(text) {
  const harmless = /^[=+\-@]/.test(text) ? `'${text}` : text; // else spreadsheets run it
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

// What is shown of a table: its columns, the first that of the methods, and its rows of cells.
function shownTable(box, note) {
  const table = box.querySelector("table");
  const heads = [...[...table.tHead.rows].at(-1).cells];
  const columns = heads.filter((head) => !head.hidden).map((head) => ({
    index: heads.indexOf(head),
    head: oneLine(head.textContent),
    exact: head.dataset.exact ?? oneLine(head.textContent),
    metric: head.dataset.metric && { name: head.dataset.metric, better: head.dataset.better },
    noise: noises[head.dataset.column],
  }));
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) =>
    columns.map(({ index }) => shownCell(row.cells[index])));
  columns.forEach((column, at) => {
    column.numeric = rows.some((row) => row[at].value !== undefined);
    column.wide = rows.some((row) => row[at].half !== undefined);
  });
  const metrics = columns.filter(({ metric }) => metric).map(({ metric }) => metric);
  const only = metrics.every(({ name }) => name === metrics[0].name) ? metrics[0] : undefined;
  const { title, stem } = table.dataset;
  const part = box.previousElementSibling; // says what filters hide
  const said = [note, ...(part?.matches(".of-all:not([hidden])") ? [part] : [])];
  return {
    columns, rows, only, title, stem,
    name: box.getAttribute("aria-label"),
    note: said.map((each) => textOf(each, ".on-page")).join(" "),
  };
}
// A cell: `value` is its number with all decimals, "" for none; what is no number has none.
const SAID = { best: "best", few: "best but of fewer than four trainings", near: "not told apart from the best" };
function shownCell(cell) {
  const { value, half } = cell.dataset;
  const marks = cell.querySelector(".mark")?.textContent ?? "";
  const text = textOf(cell, half === undefined ? ".sign, .mark" : ".sign, .mark, small");
  const said = Object.keys(SAID).filter((mark) => cell.classList.contains(mark)).map((mark) => SAID[mark]);
  if (marks.includes("▾")) said.push("worse than the noisy image");
  if (value === "" && text !== "–") said.push(text.replace(/^\((.*)\)$/, "$1"));
  if (value && text.startsWith("~")) said.push("not timed alone");
  const width = half === undefined ? "" : oneLine(cell.querySelector("small").textContent).slice(2);
  return { text, value, half, width, marks, said: said.join("; "), best: cell.classList.contains("best") };
}
const directed = ({ name, better }) => `${name} ${better}`;
const headOf = ({ head, metric, noise }, only) => {
  if (!metric) return head;
  return only ? noise.name : `${directed(metric)} at ${noise.name}`;
};
const captionOf = ({ name, only, title, note }) => {
  const marked = only && name === only.name ? directed(only) : name;
  return `${marked} on ${title}. ${note}`;
};

const LATEX_MARKS = { "†": "\\dagger", "‡": "\\ddagger", "▾": "\\downarrow" };
// Of a metric two columns, the number's and its interval's; marks take no room.
function latexCell(cell, column) {
  const negative = cell.value ? cell.text.replace("-", "−") : cell.text;
  const text = latexText(negative);
  if (!column.metric) return text;
  if (!cell.value) return column.wide ? "\\multicolumn{2}{c}{--}" : "--";
  const marks = [...cell.marks].map((mark) => LATEX_MARKS[mark]).join("");
  const value = cell.best ? `\\textbf{${text}}` : text;
  const width = cell.width && `{\\scriptsize$\\pm$\\,${latexText(cell.width)}}`;
  return `${value}${column.wide ? ` & ${width}` : ""}${marks && `\\rlap{$^{${marks}}$}`}`;
}
function latexRow([first, ...others]) {
  // After the end of the line before, a bracket or a star would be taken for its argument.
  return `${[/^[[*]/.test(first) ? `{${first}}` : first, ...others].join(" & ")} \\\\`;
}
// Metrics stand above their noises where there is one of them, else noises above their metrics.
function latexHeads({ columns, only }) {
  const groups = [], rules = [], heads = [];
  let at = 1;
  for (const column of columns) {
    const { metric, noise, head, wide } = column;
    const span = wide ? 2 : 1;
    const names = metric && [latexText(directed(metric)), noise.latex];
    const [group, own] = names ? (only ? names : names.reverse()) : ["", latexText(head)];
    heads.push(metric ? `\\multicolumn{${span}}{c}{${own}}` : own);
    const last = groups.at(-1);
    if (group && last?.group === group) last.span += span;
    else groups.push({ group, span, at });
    at += span;
  }
  const above = groups.map(({ group, span }) => (group ? `\\multicolumn{${span}}{c}{${group}}` : ""));
  for (const { group, span, at } of groups) if (group) rules.push(`\\cmidrule(lr){${at}-${at + span - 1}}`);
  return [...(rules.length ? [latexRow(above), rules.join("")] : []), latexRow(heads)];
}
function latexTable(table) {
  const { columns, rows, stem } = table;
  const float = stem.startsWith("leaderboard") ? "table*" : "table"; // across both columns of a page
  const layout = columns.map((one) => (one.wide ? "r@{\\,}l" : one.numeric ? "r" : "l")).join("");
  const levels = columns.filter(({ noise }) => noise?.latex.startsWith("$\\sigma=")).map(({ noise }) => noise.latex);
  const of255 = levels.length && !levels.some((level) => level.includes("0."));
  const caption = `${captionOf(table)}${of255 ? " Levels of Gaussian noise are of 255." : ""}`;
  return [
    "% In the preamble: \\usepackage{booktabs,graphicx}",
    `\\begin{${float}}[tbp]`,
    "  \\centering\\small",
    `  \\caption{${latexText(caption.replaceAll("▾", "↓"))}}\\label{tab:${stem}}\\par\\medskip`,
    `  \\sbox0{\\begin{tabular}{${layout}}`,
    "    \\toprule",
    ...latexHeads(table).map((line) => `    ${line}`),
    "    \\midrule",
    ...rows.map((row) => `    ${latexRow(row.map((cell, at) => latexCell(cell, columns[at])))}`),
    "    \\bottomrule",
    "  \\end{tabular}}",
    "  \\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi",
    `\\end{${float}}`,
    "",
  ].join("\n");
}

const markdownRow = (cells) => `| ${cells.join(" | ")} |`;
function markdownCell({ text, width, marks, best }) {
  const value = best ? `**${markdownText(text)}**` : markdownText(text);
  return width ? [value, "±", width, ...marks].join(" ") : value + marks;
}
function markdownTable(table) {
  const { columns, rows, only } = table;
  const corner = only ? directed(only) : columns[0].head;
  const heads = [corner, ...columns.slice(1).map((column) => headOf(column, only))];
  return [
    markdownRow(heads.map(markdownText)),
    markdownRow(columns.map(({ numeric }) => (numeric ? "---:" : "---"))),
    ...rows.map((row) => markdownRow(row.map(markdownCell))),
    "",
    `Table: ${markdownText(captionOf(table))}`,
    "",
  ].join("\n");
}

// A number a cell, with all its decimals; intervals and marks have columns of their own.
function csvTable({ columns, rows }) {
  const known = ({ text, value }) => value ?? (text === "–" ? "" : csvText(text));
  const made = columns.flatMap((column, at) => {
    const name = column.metric ? `${column.metric.name} at ${column.noise.name}` : column.exact;
    const cells = rows.map((row) => row[at]);
    const parts = [[name, cells.map(known)]];
    if (column.wide) parts.push([`${name} half-width`, cells.map(({ half }) => half ?? "")]);
    if (cells.some(({ said }) => said)) parts.push([`${name} note`, cells.map(({ said }) => csvText(said))]);
    return parts;
  });
  const lines = [made.map(([name]) => csvText(name)), ...rows.map((_, row) => made.map(([, cells]) => cells[row]))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

const FORMS = { latex: latexTable, markdown: markdownTable, csv: csvTable };
for (const button of all("[data-copy-as]")) {
  const copies = button.closest(".copies");
  button.addEventListener("click", () => {
    const table = shownTable(copies.previousElementSibling, copies.nextElementSibling);
    if (!table.rows.length) return say("Nothing to copy: no method is shown");
    const text = FORMS[button.dataset.copyAs](table);
    copies.querySelector("pre")?.remove();
    copied(text, () => {
      const source = document.createElement("pre");
      source.tabIndex = 0;
      source.textContent = text;
      copies.append(source);
      getSelection().selectAllChildren(source);
      say("Selected: copy it with the keyboard");
    });
  });
}
