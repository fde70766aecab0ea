// The form works without this, here and on any page that shows it. No cookie, nothing kept.
"use strict";
(() => {
  if (window.leadmagnet) return; // pasted twice
  window.leadmagnet = true;

  // Where the visitor came from: this page, the site before it, what the link said of itself.
  const cameFrom = (form) => {
    const told = { page: location.origin + location.pathname, referrer: "" };
    try {
      const before = new URL(document.referrer).host;
      if (before !== location.host) told.referrer = before;
    } catch {}
    const query = new URLSearchParams(location.search);
    for (const word of ["source", "medium", "campaign", "term", "content"]) told["utm_" + word] = query.get("utm_" + word) || "";
    for (const [name, value] of Object.entries(told)) {
      if (!value || form.elements[name]) continue; // what the page itself carries on knows more
      const field = Object.assign(document.createElement("input"), { type: "hidden", name, value: value.slice(0, 512) });
      form.append(field);
    }
  };

  const upgrade = (form) => {
    const button = form.querySelector("button[type=submit]");
    const words = button.textContent;
    let busy = false;
    const wake = () => {
      busy = false;
      button.textContent = words;
      button.removeAttribute("aria-disabled");
    };
    form.addEventListener("submit", (event) => {
      if (busy) return event.preventDefault();
      busy = true;
      button.textContent = "Sending…";
      // Not `disabled`: that would take the keyboard focus away from the button.
      button.setAttribute("aria-disabled", "true");
      setTimeout(wake, 4000);
    });
    // The back button may show the page just as it was left.
    addEventListener("pageshow", wake);
    form.elements.timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    cameFrom(form);
  };
  document.querySelectorAll("form.lm-form").forEach(upgrade);

  // In a frame: tells the page around it how high the form is, when that changes and when the page asks.
  const parents = (document.documentElement.dataset.parents || "").split(" ").filter(Boolean);
  if (parents.length && parent !== window) {
    const known = parents.filter((origin) => document.referrer.startsWith(origin + "/"));
    const tell = () => {
      const height = Math.ceil(document.body.getBoundingClientRect().height);
      for (const origin of known.length ? known : parents) parent.postMessage({ leadmagnet: "height", height }, origin);
    };
    new ResizeObserver(tell).observe(document.body);
    addEventListener("message", (event) => {
      if (event.source === parent && parents.includes(event.origin) && event.data?.leadmagnet === "ask") tell();
    });
  }

  // Around a frame: makes it as high as the form in it, if that form is who says so.
  const frames = [...document.querySelectorAll("iframe.lm-frame")];
  addEventListener("message", ({ data, source, origin }) => {
    const frame = frames.find((one) => one.contentWindow === source && new URL(one.src).origin === origin);
    if (!frame || data?.leadmagnet !== "height" || !(data.height > 0)) return;
    frame.style.minHeight = "0";
    frame.style.height = Math.min(data.height, 4000) + "px";
  });
  // It may have spoken before this listened. Asking tells nobody anything, so whoever is in the frame may hear it.
  for (const frame of frames) frame.contentWindow?.postMessage({ leadmagnet: "ask" }, "*");
})();
