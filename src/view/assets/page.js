// Live updates, the button to copy lines, and the button to stop a search. Every page can be read without this script.
"use strict";

// The rows of the list while it is open. Older ones are on the next pages.
const ROWS_MAX = 500;
const prefix = document.body.dataset.prefix;

// The nodes of HTML that the server rendered. Scripts in it would not run.
function nodes(html, inside) {
  const template = document.createElement("template");
  template.innerHTML = inside ? `<table><tbody>${html}</tbody></table>` : html;
  return inside ? template.content.querySelectorAll("tr") : template.content.childNodes;
}

// Makes a node equal to a new one. What is equal stays, and with it the focus, a selection and the scroll position.
function update(node, fresh) {
  if (node.nodeName !== fresh.nodeName) {
    node.replaceWith(fresh);
  } else if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data;
  } else {
    for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    updateChildren(node, [...fresh.childNodes]);
  }
}

function updateChildren(node, fresh) {
  const known = [...node.childNodes];
  known.slice(fresh.length).forEach((child) => child.remove());
  fresh.forEach((child, index) => (index < known.length ? update(known[index], child) : node.append(child)));
}

// Calls a function for each event, and shows whether events can arrive.
function listen(path, name, receive) {
  const source = new EventSource(prefix + path);
  const stale = document.getElementById("stale");
  source.addEventListener(name, receive);
  source.addEventListener("open", () => { stale.hidden = true; });
  source.addEventListener("error", () => { stale.hidden = false; });
}

const live = document.querySelector("[data-live]");
if (live && live.dataset.live === "now") {
  listen("events/now", "now", (event) => {
    updateChildren(live, [...nodes(event.data, false)]);
  });
}
if (live && live.dataset.live === "entries") {
  const { endpoint, queue } = live.dataset;
  listen("events/entries", "entry", (event) => {
    for (const row of nodes(event.data, true)) {
      const { id } = row.dataset;
      const matches = (endpoint === "*" || row.dataset.endpoint === endpoint) && (!queue || row.dataset.queue === queue);
      // IDs sort by time. An entry that returned to the queue belongs on an older page if its place is not on this one.
      const rows = [...live.querySelectorAll("tr[data-id]")];
      const below = rows.find((shown) => shown.dataset.id <= id);
      const place = below ?? (rows.length === 0 ? live.firstElementChild : null);
      if (matches && place && below?.dataset.id !== id) {
        row.classList.add("arrived");
        place.before(row);
        rows.slice(ROWS_MAX - 1).forEach((shown) => shown.remove());
      }
    }
  });
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.done;
  });
}
