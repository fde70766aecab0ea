// Makes sign-up forms kinder, here and on other people's pages. Everything works without it. No cookie, nothing kept.
// It goes out without its comments and indentation.
(() => {
  "use strict";
  // Markup is taken from no other server. Mixed into a page's own scripts this leaves forms as they are.
  const from = document.currentScript?.src, HOME = from && new URL(from).origin;
  const SENDING = "Sending…";
  const on = (target, type, action) => target.addEventListener(type, action);

  // What somebody may have meant: the rule of leadmagnet/audience/typos.py.
  const LIKELY = "gmail.com yahoo.com hotmail.com outlook.com icloud.com aol.com live.com msn.com me.com googlemail.com proton.me protonmail.com comcast.net verizon.net sbcglobal.net btinternet.com gmx.com gmx.de gmx.net".split(" ");
  const RIGHT = ["ymail.com", "email.com", "mail.com", "protonmail.ch", ...LIKELY];
  const ABROAD = /^(yahoo|hotmail|outlook|live|gmx|aol)\.(com?\.)?(?!co$|cm$|om$)[a-z]{2}$/;
  const right = (domain) => RIGHT.includes(domain) || ABROAD.test(domain);
  const distance = (one, other) => {
    const rows = [];
    for (let i = 0; i <= one.length; i++) {
      const row = (rows[i] = [i]), before = rows[i - 1];
      for (let j = 1; j <= other.length; j++) {
        row[j] = i ? Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one[i - 1] !== other[j - 1])) : j;
        const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
        if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    return rows[one.length][other.length];
  };
  const nearest = (domain) => {
    let found, least = 3;
    for (const one of LIKELY) {
      const slips = distance(domain, one);
      if (slips < least && slips < (one.length > 9 ? 3 : 2)) [found, least] = [one, slips];
    }
    return found;
  };
  const suggestion = (address) => {
    const [, local, typed = ""] = /^(.+)@([^@]+)$/.exec(address.trim()) || [];
    const domain = typed.toLowerCase();
    if (!domain || right(domain)) return;
    const ended = domain.replace(/\.(con|cmo|cim|comm|vom)$/, ".com");
    const meant = !/\./.test(domain)
      ? LIKELY.find((one) => one.startsWith(domain + ".")) || nearest(domain + ".com")
      : right(ended) ? ended : nearest(ended) || (ended !== domain && ended);
    return meant && local + "@" + meant;
  };

  const make = (tag, attributes) => Object.assign(document.createElement(tag), attributes);
  // Not `disabled`: that would take the keyboard focus away from the button.
  const say = (button, words, asleep = false) => {
    button.textContent = words;
    button.setAttribute("aria-disabled", asleep);
  };
  const asleep = (button) => button.getAttribute("aria-disabled") === "true";
  const countDown = (button) => {
    const usual = button.textContent, { lmWait, lmWords } = button.dataset, until = Date.now() + lmWait * 1e3;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1e3);
      if (left < 1) return say(button, usual);
      say(button, lmWords.replace("…", left > 99 ? Math.ceil(left / 60) + " min" : left + " s"), true);
      setTimeout(tick, 1e3);
    };
    tick();
    on(button, "click", (event) => asleep(button) && event.preventDefault());
  };

  const countDowns = (within) => within.querySelectorAll("[data-lm-wait]").forEach(countDown);

  const upgrade = (form) => {
    const field = form.elements.email, below = field?.nextElementSibling, button = form.querySelector("[type=submit]");
    const { origin, pathname } = new URL(form.action);
    if (!below?.matches(".lm-err") || !button || form.dataset.lm || origin !== HOME) return;
    form.dataset.lm = "on";
    form.noValidate = true;
    const usual = button.textContent, panel = make("div", { className: "lm-panel" });
    let times, pressed = -1e4;

    // What the page itself carries on knows more.
    const fact = (name, value) => {
      if (!form.elements[name]) form.append(make("input", { type: "hidden", name }));
      form.elements[name].value ||= value || "";
    };
    const before = document.referrer.split("/")[2];
    fact("timezone", Intl.DateTimeFormat().resolvedOptions().timeZone);
    fact("page", location.origin + location.pathname);
    fact("referrer", before !== location.host && before);
    for (const [name, value] of new URLSearchParams(location.search)) if (/^utm_/.test(name)) fact(name, value);
    const ask = async () => fact("started", (await (await fetch(origin + pathname + "/started")).json()).started);
    fact("started", form.dataset.started);
    // From when it is seen: the browser may fill it in by itself, and be asked to send it at once.
    const seen = (all, eye) => all.at(-1).isIntersecting && (eye.disconnect(), ask().catch(() => {}));
    form.dataset.started ?? new IntersectionObserver(seen).observe(form);

    const complain = (input, words) => {
      const line = input.nextElementSibling;
      line.textContent = words;
      line.hidden = !words;
      input.setAttribute("aria-invalid", !!words);
    };
    const hint = make("div", { className: "lm-hint" });
    hint.setAttribute("role", "status");
    below.after(hint);
    const suggest = (address) => {
      if (hint.firstChild?.value === address) return; // the tab key may be on its way to it
      const textContent = `Did you mean ${address}?`;
      hint.replaceChildren(address ? make("button", { type: "button", className: "lm-use", value: address, textContent }) : "");
    };
    const use = (address) => {
      field.value = address;
      complain(field, "");
      suggest();
    };

    const send = async (again) => {
      times = again;
      say(button, SENDING, true);
      setTimeout(say, 4e3, button, usual);
      try {
        const body = new URLSearchParams(new FormData(form));
        body.set("again", again);
        const headers = { Accept: "application/json" }, signal = AbortSignal.timeout(15e3);
        const answer = await fetch(form.action, { method: "POST", body, headers, signal, credentials: "omit" });
        const { error, html } = await answer.json();
        if (error) {
          const input = form.elements[error.field || "email"];
          say(button, usual);
          panel.replaceWith(form);
          complain(input, error.message);
          return input.focus();
        }
        // As the form's own heading is, so that it looks like one. Whatever closes a heading closes any (HTML 13.2.6.4.7).
        panel.innerHTML = html.trim().replace("h2", form.querySelector("h1, h2, h3")?.tagName || "h2");
        form.replaceWith(panel);
        countDowns(panel);
        panel.querySelector("[tabindex]").focus();
      } catch {
        // Whatever it was: the browser can still send the form by itself.
        panel.replaceWith(form);
        HTMLFormElement.prototype.submit.call(form);
      }
    };

    on(form, "submit", (event) => {
      event.preventDefault();
      asleep(button) || send(0);
    });
    // What moves under a finger on its way to the button makes it miss.
    on(button, "pointerdown", (event) => (pressed = event.timeStamp));
    on(button, "click", () => (pressed = -1e4));
    on(field, "blur", (event) => {
      if (event.timeStamp - pressed < 1e3) return;
      if (field.validity.valid && /@.+\../.test(field.value)) complain(field, "");
      suggest(suggestion(field.value));
    });
    on(field, "input", () => suggest());
    on(hint, "click", ({ target }) => target.value && (use(target.value), field.focus()));
    on(panel, "click", ({ target }) => {
      const chosen = target.closest("button");
      if (!chosen || asleep(chosen)) return;
      if (chosen.value) use(chosen.value), send(0);
      else if (chosen.dataset.lmWait) say(chosen, SENDING, true), send(times + 1);
      else panel.replaceWith(form), field.focus();
    });
    // The back button may show the page as it was left.
    on(self, "pageshow", () => say(button, usual));
  };

  const start = () => {
    document.querySelectorAll("form.lm-form").forEach(upgrade);
    countDowns(document);
    // How high a frame is only pages with frames need to know.
    if (HOME && document.querySelector("iframe.lm-frame"))
      document.head.append(make("script", { src: HOME + "/static/frame.js" }));
  };
  if (document.readyState === "loading") on(document, "DOMContentLoaded", start);
  else start();
})();
