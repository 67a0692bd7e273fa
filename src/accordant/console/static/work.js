/* Queues and cases: select, take, retry, open in the panel, dialogs. Every act works without this file, by links and forms. */
"use strict";
(() => {
  const typing = (target) => /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox";
  const dialog = () => document.getElementById("confirm");
  const rows = () => [...document.querySelectorAll("a.case[data-id]")];
  const focused = () => document.activeElement?.closest?.("li")?.querySelector("a.case[data-id]");
  const current = () => focused() || document.querySelector("a.case[aria-current]");
  let picked = null;

  function open(address) {
    if (dialog() && window.htmx) window.htmx.ajax("GET", address, { target: "#confirm", swap: "innerHTML" });
    else location.assign(address);
  }

  function sum() {
    const boxes = [...document.querySelectorAll(".pick :checked")];
    const says = document.querySelector("[data-picked]");
    if (!says) return;
    says.textContent = boxes.length === 1 ? "1 case" : `${boxes.length} cases`;
    const held = document.querySelector("[data-held]");
    const minor = boxes.reduce((total, box) => total + Number(box.dataset.minor), 0);
    held.textContent = `${held.dataset.currency} ${(minor / 100).toLocaleString("en-GB", { minimumFractionDigits: 2 })}`;
  }

  function pick(shift) {
    const box = focused()?.closest("li").querySelector(".pick input");
    if (!box) return;
    box.checked = !box.checked;
    const all = [...document.querySelectorAll(".pick input")];
    if (shift && picked) all.slice(...[all.indexOf(picked), all.indexOf(box)].sort((a, b) => a - b)).forEach((b) => { b.checked = box.checked; });
    picked = box;
    sum();
  }

  function caseId() {
    return document.querySelector(".panel[data-case]")?.dataset.case || document.querySelector(".head[data-case]")?.dataset.case;
  }

  function act(key) {
    const row = focused();
    const shown = caseId();
    const button = document.querySelector(`[data-key="${key}"]`);
    if (button && (!row || row.dataset.id === shown)) {
      const address = button.getAttribute("hx-get");
      if (address) open(address); else button.click();
      return;
    }
    if (!row) return;
    const back = encodeURIComponent(location.pathname + location.search);
    if (key === "a") {
      const form = document.getElementById("quick");
      form.elements.id.value = row.dataset.id;
      form.submit();
    } else open(`/cases/${row.dataset.id}/act/${{ r: "retry", R: "reprocess", e: "edit" }[key]}?next=${back}`);
  }

  function step(by) {
    const all = rows();
    const at = all.findIndex((row) => row.dataset.id === caseId());
    const next = all[at + by];
    if (next) { next.focus(); next.click(); }
  }

  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "x" || event.key === "X") pick(event.shiftKey);
    else if ("areR".includes(event.key)) act(event.key);
    else if (event.key === "d") act("r");
    else if (event.key === "[") step(-1);
    else if (event.key === "]") step(1);
    else if (event.key === "Escape") document.querySelector("[data-close]")?.click();
  });

  document.addEventListener("click", (event) => {
    const by = event.target.closest("[data-step]")?.dataset.step;
    if (by) step(Number(by));
    const close = event.target.closest("[data-close]");
    if (close && document.getElementById("panel")) {
      event.preventDefault();
      const row = rows().find((r) => r.dataset.id === caseId());
      document.getElementById("panel").replaceChildren();
      document.querySelectorAll("a.case[aria-current]").forEach((r) => r.removeAttribute("aria-current"));
      history.pushState(null, "", close.getAttribute("href"));
      row?.focus();
    }
    const bulk = event.target.closest("[data-bulk]");
    if (bulk && window.htmx) {
      event.preventDefault();
      const fields = new URLSearchParams(new FormData(bulk.form));
      fields.set("act", bulk.value);
      open(`/cases/bulk?${fields}`);
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) document.querySelectorAll(".pick input").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches(".pick input, [data-pick-all]")) { picked = event.target; sum(); }
  });

  // On a small screen a case opens as its own page, and a click with a modifier is the browser's.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === "panel" && window.innerWidth <= 640) {
      event.preventDefault();
      location.assign(event.detail.elt.getAttribute("href"));
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const swapped = event.detail.target?.id;
    if (swapped === "confirm" && !dialog().open) dialog().showModal();
    if (swapped === "panel") rows().forEach((row) => {
      if (row.dataset.id === caseId()) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    });
  });

  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.target?.id === "confirm" || event.detail.target?.id === "panel") location.assign(event.detail.pathInfo.requestPath);
  });

  const toast = document.querySelector(".toasts");
  if (toast) {
    const shown = new URL(location);
    shown.searchParams.delete("done");
    history.replaceState(null, "", shown);
    let timer = setTimeout(() => toast.remove(), 8000);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => { timer = setTimeout(() => toast.remove(), 3000); });
  }
  sum();
})();
