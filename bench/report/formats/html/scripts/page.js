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
