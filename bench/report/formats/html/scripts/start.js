// What is left to set up when all is there.
for (const button of all("[data-copy]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      say("Copied");
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      say("Selected: copy it with the keyboard");
    }
  });
}
document.querySelector("[data-link]").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    say("Copied");
  } catch {
    say("The address of this page is the link");
  }
});
filters.open = innerWidth > 640;
filtered();
themed();
chose();
recalled();
root.dataset.ready = "";
// When the page can be used: at the latest for printing all charts can be drawn.
setTimeout(plotly, 500);
