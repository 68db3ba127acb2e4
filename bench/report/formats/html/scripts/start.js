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
document.getElementById("filters").open = innerWidth > 640;
filtered();
themed();
root.dataset.ready = "";
