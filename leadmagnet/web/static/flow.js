// Everything works without this: it plays the table under #flow, whatever guide it stands in.
"use strict";
(() => {
  const dialog = document.getElementById("lm-timer");
  const start = document.getElementById("lm-start");
  const part = (name) => dialog.querySelector(`[data-timer="${name}"]`);
  const seconds = (text) => {
    const found = /(\d+):(\d\d)/.exec(text);
    return found ? found[1] * 60 + +found[2] : 0;
  };
  const clock = (ms) => {
    const left = Math.ceil(ms / 1000);
    return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  const figures = [...document.querySelectorAll(".pose-card h3")]
    .map((head) => [head.textContent.trim().toLowerCase(), head.parentElement.querySelector("svg")])
    .sort((one, other) => other[0].length - one[0].length);

  const step = (words, length, side) => {
    const [name, note = ""] = words.replace(/,?\s*\d+:\d\d.*$/, "").split(/,\s*(.*)/);
    const figure = figures.find(([title]) => name.toLowerCase().includes(title));
    return { name: capital(name), note: capital(note), side, length, figure: figure && figure[1] };
  };

  // A row is one step, or one for each time it names ("low lunge 0:45, then half split 0:30"), or one for each side.
  const row = (words, length, before) => {
    const [, side = "", rest] = /^(?:(right|left)(?: side)?:\s*)?([^]*)$/i.exec(words);
    const named = side && `${side.toLowerCase()} side`;
    if (/^(the )?same\b/i.test(rest)) return before.map((one) => ({ ...one, side: named }));
    const parts = rest.split(/\s*(?:→|;|,?\s+then\s)\s*/);
    const times = parts.map(seconds);
    if (parts.length > 1 && times.reduce((sum, time) => sum + time, 0) === length) {
      return parts.map((text, n) => step(text, times[n], named));
    }
    if (!/each side/i.test(rest)) return [step(rest, length, named)];
    return ["right side", "left side"].map((one) => step(rest, length / 2, one));
  };

  const read = () => {
    let node = document.getElementById("flow");
    let table = null;
    while (!table && (node = node && node.nextElementSibling) && !/^H[12]$/.test(node.tagName)) {
      table = node.matches("table") ? node : node.querySelector("table");
    }
    const [head, ...rows] = table ? table.rows : [];
    const heads = head ? [...head.cells].map((cell) => cell.textContent.trim().toLowerCase()) : [];
    const [pose, time] = [heads.indexOf("pose"), heads.indexOf("time")];
    if (pose < 0 || time < 0) return [];
    let made = [];
    return rows.flatMap(({ cells }) => {
      made = row(cells[pose].textContent.trim(), seconds(cells[time].textContent), made);
      return made;
    }).filter((one) => one.length);
  };

  const steps = read();
  if (!steps.length || !dialog.showModal) return;
  const starts = [0];
  for (const one of steps) starts.push(starts.at(-1) + one.length * 1000);
  const total = starts.at(-1);

  // Time is what the clock says has passed: ticks stop in a tab that nobody looks at.
  let spent = 0;
  let since = null; // null: it stands still
  let shown = null;
  let ticking;
  let lock = null;
  let audio;
  const passed = () => Math.min(total, spent + (since === null ? 0 : Date.now() - since));

  const tone = () => {
    if (!part("sound").checked) return;
    try {
      audio ??= new AudioContext();
      audio.resume();
      const [wave, volume, at] = [audio.createOscillator(), audio.createGain(), audio.currentTime];
      wave.frequency.value = 528;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.2, at + 0.04);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 1);
      wave.connect(volume).connect(audio.destination);
      wave.start(at);
      wave.stop(at + 1);
    } catch { /* no sound here: the flow goes on without it */ }
  };

  const sleep = () => {
    if (lock) lock.release();
    lock = null;
  };
  const wake = async () => {
    try {
      const held = await navigator.wakeLock.request("screen");
      sleep();
      lock = held;
      if (since === null) sleep();
    } catch { /* not here, or the battery is low: the screen may go dark */ }
  };

  const titled = (one) => (one.side ? `${one.name}, ${one.side}` : one.name);
  const change = (number) => {
    const one = steps[number];
    const next = steps[number + 1];
    const follows = next ? `Next: ${titled(next)}` : one ? "Next: nothing more" : "";
    part("pose").textContent = one ? one.name : "Done";
    part("note").textContent = one ? capital([one.side, one.note].filter(Boolean).join(" · ")) : "Stand up slowly.";
    part("next").textContent = follows;
    part("figure").replaceChildren();
    if (one && one.figure) {
      const drawing = one.figure.cloneNode(true);
      drawing.removeAttribute("aria-labelledby");
      drawing.querySelectorAll("title, desc").forEach((words) => words.remove());
      part("figure").append(drawing);
    }
    part("figure").classList.toggle("mirrored", one?.side === "left side");
    part("said").textContent = one ? `${titled(one)}, ${Math.round(one.length)} seconds. ${follows}.` : "Done. Stand up slowly.";
    if (shown !== null) tone();
    shown = number;
  };

  const show = () => {
    const time = passed();
    const found = starts.findLastIndex((from) => from <= time);
    if (found !== shown) change(found);
    part("left").textContent = clock((starts[found + 1] ?? total) - time);
    part("whole").textContent = `${clock(total - time)} left of ${clock(total)}`;
    part("bar").value = time / 1000;
    if (found === steps.length && since !== null) hold();
  };
  const label = () => {
    part("pause").textContent = since !== null ? "Pause" : passed() === total ? "Once more" : "Go on";
  };
  const hold = () => {
    spent = passed();
    since = null;
    clearInterval(ticking);
    sleep();
    label();
  };
  const go = () => {
    if (passed() === total) spent = 0;
    since = Date.now();
    ticking = setInterval(show, 200);
    wake();
    label();
    show();
  };
  const jump = (number) => {
    spent = starts[Math.max(0, Math.min(number, steps.length))];
    if (since !== null) since = Date.now();
    show();
    label();
  };
  const orders = {
    pause: () => (since === null ? go() : hold()),
    // As on a music player: back to the beginning of this one, or, right there, to the one before.
    back: () => jump(passed() - starts[shown] < 2000 ? shown - 1 : shown),
    skip: () => jump(shown + 1),
    stop: () => dialog.close(),
  };

  dialog.addEventListener("click", (event) => {
    const asked = event.target.closest("button");
    if (!asked) return;
    orders[asked.dataset.timer]();
    // After a tap Space pauses; whoever came by keyboard stays where she is.
    if (event.detail && dialog.open) part("pause").focus();
  });
  dialog.addEventListener("keydown", (event) => {
    const order = { " ": "pause", ArrowLeft: "back", ArrowRight: "skip" }[event.key];
    const theirs = event.altKey || event.ctrlKey || event.metaKey; // Alt+Left is the browser's way back
    if (!order || theirs || (event.key === " " && event.target.matches("button, input"))) return;
    event.preventDefault();
    orders[order]();
  });
  dialog.addEventListener("close", () => {
    hold();
    start.focus();
  });
  part("sound").addEventListener("change", tone);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || since === null) return;
    wake();
    show();
  });

  part("bar").max = total / 1000;
  start.textContent = `Start the ${Math.round(total / 60000)}-minute flow`;
  start.hidden = false;
  start.addEventListener("click", () => {
    [spent, shown] = [0, null];
    dialog.showModal();
    part("pause").focus();
    go();
  });
})();
