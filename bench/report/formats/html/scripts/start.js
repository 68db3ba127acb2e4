// What is left to set up when all is there.
for (const button of all("[data-copy]")) {
  const code = button.parentElement.querySelector("code");
  button.addEventListener("click", () => copied(code.textContent, () => {
    getSelection().selectAllChildren(code);
    say("Selected: copy it with the keyboard");
  }));
}
document.querySelector("[data-link]").addEventListener("click", () => {
  copied(location.href, () => say("The address of this page is the link"));
});
filtered();
themed();
chose();
recalled();
root.dataset.ready = "";
// When the page can be used: at the latest for printing all charts can be drawn.
setTimeout(plotly, 500);
