// Everything works without this: it shows at once what was saved, keeps your place, and knows a few keys.
"use strict";
(() => {
  const body = document.body;
  let asked = 0; // answers to older questions are ignored
  let stream = null;
  let polling = 0;
  const words = new Map(); // what the server last said of each part, to swap only what changed

  const parts = (root) => [...root.querySelectorAll("[data-part]")];
  const names = (root) => parts(root).map((part) => part.dataset.part).join();
  const keep = (root) => parts(root).forEach((part) => words.set(part.dataset.part, part.outerHTML));
  keep(document);

  // The page itself, swapped part by part
  async function load(url, { push = false, form = null } = {}) {
    const mine = ++asked;
    let answer, text;
    try {
      answer = await fetch(url, form ? { method: "POST", body: new URLSearchParams(new FormData(form)) } : {});
      text = await answer.text();
    } catch {
      return;
    }
    if (mine !== asked) return;
    if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) return location.reload();
    const page = new DOMParser().parseFromString(text, "text/html");
    if (!page.body.classList.contains("preview")) return location.reload();
    if (page.body.dataset.boot !== body.dataset.boot) return location.reload();
    if (push) history.pushState(null, "", answer.url);
    body.dataset.version = page.body.dataset.version;
    document.title = page.title;
    swap(page);
    stage(page);
    ready();
  }

  function swap(page) {
    const focused = document.activeElement;
    const place = focused && focused.closest("[data-part]");
    const side = document.querySelector(".side");
    const other = names(side) !== names(page.querySelector(".side")); // a letter has more beside it than a guide
    if (other) side.replaceWith(document.importNode(page.querySelector(".side"), true));
    for (const there of parts(page)) {
      const fresh = document.importNode(there, true);
      const name = fresh.dataset.part;
      if (name === "paper") continue;
      const here = document.querySelector(`[data-part="${name}"]`);
      if (!here) {
        words.delete(name);
        continue;
      }
      const said = fresh.outerHTML;
      if (words.get(name) === said) continue;
      words.set(name, said);
      if (name === "send" && place === here) continue; // somebody is typing an address
      const top = here.scrollTop;
      here.replaceWith(fresh);
      fresh.scrollTop = top;
    }
    if (place && !document.contains(focused)) {
      const same = [...document.querySelectorAll(`[data-part="${place.dataset.part}"] a`)];
      const found = same.find((a) => a.textContent === focused.textContent) || same.find((a) => a.ariaCurrent);
      if (found) found.focus({ preventScroll: true });
    }
  }

  // The letter in the middle: a new frame is loaded behind the old one, and changes places with it when it is there
  function stage(page) {
    const here = document.getElementById("stage");
    const next = page.getElementById("stage");
    here.className = next.className;
    const old = here.querySelector(".frames");
    const fresh = next.querySelector(".frames");
    if (!old || !fresh) {
      const paper = here.querySelector(".paper");
      const newer = next.querySelector(".paper");
      if (paper && newer && paper.outerHTML === newer.outerHTML) return;
      const top = paper ? paper.scrollTop : 0;
      here.replaceChildren(...next.childNodes);
      if (paper && newer) newer.scrollTop = top;
      return;
    }
    old.className = fresh.className;
    if (old.dataset.frame === fresh.dataset.frame && old.dataset.digest === fresh.dataset.digest) return;
    const same = path(old.dataset.frame) === path(fresh.dataset.frame);
    Object.assign(old.dataset, { frame: fresh.dataset.frame, digest: fresh.dataset.digest });
    const shown = old.querySelector("iframe:not(.coming)");
    old.querySelectorAll(".coming").forEach((frame) => frame.remove());
    const coming = fresh.querySelector("iframe");
    coming.classList.add("coming");
    coming.addEventListener("load", () => {
      if (!coming.isConnected) return;
      if (same) coming.contentWindow.scrollTo(0, shown.contentWindow.scrollY);
      coming.classList.remove("coming");
      shown.remove();
      body.dataset.painted = body.dataset.version;
      inside(coming);
    }, { once: true });
    old.append(coming);
  }
  const path = (address) => address.split("?")[0];

  function inside(frame) {
    const listen = () => {
      try {
        frame.contentDocument.addEventListener("keydown", pressed);
      } catch { /* a page of its own has none of our keys */ }
    };
    listen();
    frame.addEventListener("load", listen);
  }
  document.querySelectorAll("iframe").forEach(inside);

  // News
  function listen() {
    if (stream || document.hidden) return;
    clearInterval(polling);
    polling = 0;
    stream = new EventSource(`/preview/events?version=${body.dataset.version}`);
    stream.addEventListener("hello", (event) => {
      document.getElementById("lost").hidden = true;
      if (event.data !== body.dataset.boot) location.reload();
    });
    stream.addEventListener("saved", (event) => {
      if (event.data !== body.dataset.version) load(location.href);
    });
    stream.addEventListener("enough", () => {
      hush();
      polling = setInterval(ask, 2500);
    });
    stream.addEventListener("error", () => {
      document.getElementById("lost").hidden = false;
      if (stream && stream.readyState === EventSource.CLOSED) {
        hush();
        polling = polling || setInterval(ask, 2500);
      }
    });
  }
  function hush() {
    if (stream) stream.close();
    stream = null;
  }
  async function ask() {
    try {
      const [boot, version] = (await (await fetch("/preview/version")).text()).split(" ");
      document.getElementById("lost").hidden = true;
      if (boot !== body.dataset.boot) location.reload();
      else if (version !== body.dataset.version) load(location.href);
    } catch {
      document.getElementById("lost").hidden = false;
    }
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("focus", listen);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => event.persisted && listen());

  // Hands
  document.addEventListener("click", (event) => {
    const copy = event.target.closest(".copy");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy).then(() => {
        const before = copy.textContent;
        copy.textContent = "Copied";
        setTimeout(() => (copy.textContent = before), 1200);
      });
      return;
    }
    const link = event.target.closest("a");
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!/^\/preview(\/letters\/|\/guides\/|$)/.test(link.pathname) || link.hash) return;
    event.preventDefault();
    load(link.href, { push: true });
  });
  addEventListener("popstate", () => load(location.href));
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "send") return;
    event.preventDefault();
    const button = event.target.querySelector("button");
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true";
    button.textContent = "Sending…";
    load("/preview/send", { form: event.target }).finally(() => {
      button.ariaDisabled = null;
      button.textContent = "Send";
    });
  });

  const follow = (selector) => {
    const link = document.querySelector(selector);
    if (link) load(link.href, { push: true });
  };
  const following = (label) => {
    const group = [...document.querySelectorAll(`[aria-label="${label}"] a`)];
    const at = group.findIndex((a) => a.ariaCurrent);
    if (group.length) load(group[(at + 1) % group.length].href, { push: true });
  };
  const theme = (name) => {
    const url = new URL(location);
    if (url.searchParams.get("theme") === name) url.searchParams.delete("theme");
    else url.searchParams.set("theme", name);
    load(url, { push: true });
  };
  const view = (name) => {
    const url = new URL(location);
    if (url.searchParams.get("view") === name) url.searchParams.delete("view");
    else url.searchParams.set("view", name);
    load(url, { push: true });
  };
  const keys = {
    j: () => follow("[rel=next]"),
    k: () => follow("[rel=prev]"),
    ArrowRight: () => follow("[rel=next]"),
    ArrowLeft: () => follow("[rel=prev]"),
    d: () => theme("dark"),
    w: () => following("Width"),
    t: () => view("text"),
  };
  function pressed(event) {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
    if (/^(input|textarea|select)$/i.test(event.target.tagName)) return;
    const inLine = event.target.closest(".line");
    const key = inLine ? { ArrowDown: "j", ArrowUp: "k" }[event.key] || event.key : event.key;
    if (!Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]();
  }
  document.addEventListener("keydown", pressed);

  function ready() {
    document.querySelectorAll(".copy").forEach((button) => (button.hidden = !navigator.clipboard));
    const now = document.querySelector(".line [aria-current]");
    if (now && getComputedStyle(document.querySelector(".line")).position !== "static") now.scrollIntoView({ block: "nearest" });
  }
  ready();
  listen();
})();
