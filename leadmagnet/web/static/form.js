// Everything works without this: it only tells the time zone and swallows a double submit.
"use strict";
for (const form of document.querySelectorAll("form.lm-form")) {
  const button = form.querySelector("button[type=submit]");
  const words = button.textContent;
  let busy = false;
  const wake = () => {
    busy = false;
    button.textContent = words;
    button.removeAttribute("aria-disabled");
  };
  form.addEventListener("submit", (event) => {
    if (busy) {
      event.preventDefault();
      return;
    }
    busy = true;
    button.textContent = "Sending…";
    // Not `disabled`: that would take the keyboard focus away from the button.
    button.setAttribute("aria-disabled", "true");
    setTimeout(wake, 4000);
  });
  // The back button may show the page just as it was left.
  addEventListener("pageshow", wake);
  form.elements.timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  form.elements.started.value = form.dataset.started;
}
