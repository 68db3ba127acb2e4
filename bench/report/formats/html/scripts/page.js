"use strict";
// The page's behaviour: theme, filters, sorting, charts (by plotly), images. Names from outside never
// come here but as text: elements are found by numbers, and text is set as text.
const root = document.documentElement;
root.dataset.script = "";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = (text) => {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (status.textContent = ""), 2500);
};
// Into the clipboard, or what is left to do where the browser does not let a page write there.
async function copied(text, otherwise) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    otherwise();
  }
}
