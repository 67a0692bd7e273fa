/* Theme, keys, menus, and the age of what is shown. Every act of the console works without this file. */
"use strict";
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;

  const places = { h: "/", e: "/engagements", x: "/cases", b: "/billing", r: "/runs" };
  const typing = (target) => /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
  let beforeG = 0;
  let heardAt = 0;
  let saidAt = 0;

  function switchTheme() {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  }

  function move(step) {
    const rows = [...document.querySelectorAll("a.case, .rows tbody a.open")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
  }

  const keys = {
    "/": () => { const box = document.getElementById("q"); box?.focus(); box?.select(); },
    j: () => move(1),
    k: () => move(-1),
    t: switchTheme,
    g: () => { beforeG = Date.now(); },
    "?": () => document.getElementById("keys")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
      if (event.target.id === "q") event.target.blur();
      return;
    }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (Date.now() - beforeG < 1500 && places[event.key]) {
      beforeG = 0;
      const link = document.querySelector(`.rail a[href="${places[event.key]}"]`);
      if (link) link.click();
      return;
    }
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  document.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "theme") switchTheme();
    if (act === "close") event.target.closest("dialog")?.close();
    if (act === "print") window.print();
    const opens = event.target.closest("[data-opens]")?.dataset.opens;
    if (opens) document.getElementById(opens)?.showModal();
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  document.addEventListener("change", (event) => {
    if (event.target.dataset.act === "submit") event.target.form?.requestSubmit();
    if (event.target.dataset.act === "spell") document.getElementById(event.target.dataset.of)?.classList.toggle("spelled", event.target.checked);
  });

  document.addEventListener("htmx:sseMessage", (event) => {
    heardAt = Date.now();
    const isNumber = event.target.id !== "beat";
    if (isNumber && saidAt && Date.now() - saidAt > 10_000) document.getElementById("said").textContent = "Numbers were updated.";
    if (isNumber) saidAt = Date.now();
  });

  function span(seconds) {
    if (seconds < 60) return `${seconds} s`;
    return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
  }

  setInterval(() => {
    const mark = document.getElementById("live");
    if (!mark || !heardAt) return;
    const age = Math.floor((Date.now() - heardAt) / 1000);
    mark.dataset.age = age <= 30 ? "fresh" : age <= 300 ? "late" : "old";
    mark.lastElementChild.textContent = `Live, ${span(age)} old`;
  }, 1000);
})();
