// The page is whole without this: what stands there can be marked and copied by hand.
"use strict";
const said = document.getElementById("copied");
for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  const text = button.parentElement.querySelector("code");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = said.textContent = "Copied";
    } catch {
      // Browsers lend the clipboard to safe addresses only: marked, it is one key away.
      getSelection().selectAllChildren(text);
      button.textContent = said.textContent = "Marked: press Ctrl or ⌘ and C";
    }
    setTimeout(() => {
      button.textContent = words;
      said.textContent = "";
    }, 3000);
  });
}
