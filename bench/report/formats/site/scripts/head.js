"use strict";
// Before anything is drawn: that there are scripts, and the colours that were chosen on another page.
const root = document.documentElement;
root.dataset.script = "";
const kept = {
  get theme() { try { return localStorage.getItem("bench-theme"); } catch { return null; } },
  set theme(name) { try { localStorage.setItem("bench-theme", name); } catch { /* not kept */ } },
};
if (kept.theme === "dark" || kept.theme === "light") root.dataset.theme = kept.theme;
