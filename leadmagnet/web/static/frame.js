// The form in a frame: as high as what is in it, if both pages have this.
(() => {
  "use strict";

  // In a frame: tells the page around it how high the form is, when that changes and when the page asks.
  const root = document.documentElement, parents = (root.dataset.parents || "").split(" ").filter(Boolean);
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
