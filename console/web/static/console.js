// What the window adds to its pages in the browser. Without it they work the same, but for the reader's own zone.
"use strict";

// Times and numbers as the reader writes them; the server writes UTC.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const number = new Intl.NumberFormat();

function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([data-shown])")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = element.textContent;
    element.textContent = moment.format(at);
    element.dataset.shown = "";
  }
  for (const element of root.querySelectorAll("data.number:not([data-shown])")) {
    element.textContent = number.format(Number(element.value));
    element.dataset.shown = "";
  }
}

// What has been typed is never lost unasked. A form that is sent is no loss.
function typed(form) {
  return [...form.elements].some((field) =>
    field.type === "checkbox" || field.type === "radio"
      ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT"
        ? [...field.options].some((option) => option.selected !== option.defaultSelected)
        : "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue,
  );
}

let sending = false;
addEventListener("submit", (event) => { sending = event.submitter?.formTarget !== "_blank"; }); // else the form stays
addEventListener("pageshow", () => { sending = false; });
addEventListener("beforeunload", (event) => {
  const unsaved = [...document.querySelectorAll("form[data-keep]")].some((form) => form.dataset.keep === "changed" || typed(form));
  if (unsaved && !sending) event.preventDefault();
});

// A menu closes with Escape, and when something else is clicked.
addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

localise(document);
new MutationObserver(() => localise(document)).observe(document.body, { childList: true, subtree: true });
