/** The tests made from this browser: names and outcomes, never a key or a token. */

import { html, nothing } from "./vendor/lit-html.js";
import { mark } from "./waterfall.js";
import { say, shownAt } from "./words.js";

const KEPT_AS = "conncheck.history";
const MOST = 100;

export const remembered = () => JSON.parse(localStorage.getItem(KEPT_AS) || "[]");

/** Keep {kind, id, what, outcome}; a newer entry replaces an older one with the same id. */
export function remember(entry) {
  const others = remembered().filter((one) => one.id !== entry.id);
  const kept = [{ ...entry, at: new Date().toISOString() }, ...others].slice(0, MOST);
  localStorage.setItem(KEPT_AS, JSON.stringify(kept));
}

export function historyView(redraw) {
  const entries = remembered();
  return html`<section class="card">
    <header class="title"><h2>${say("historyTitle")}</h2>
      ${entries.length ? html`<button type="button" class="quiet" @click=${() => { localStorage.removeItem(KEPT_AS); redraw(); }}>${say("clear")}</button>` : nothing}</header>
    <p class="about">${say("historyNote")}</p>
    ${entries.length ? html`<ul class="history">${entries.map((one) => html`<li>
        <a href=${`#${one.kind}/${one.id}`}>${mark(one.outcome in { passed: 1, warning: 1 } ? one.outcome : "failed")}
          <span>${one.what}</span><time datetime=${one.at}>${shownAt(one.at)}</time></a></li>`)}</ul>`
      : html`<p class="empty">${say("historyEmpty")}</p>`}
  </section>`;
}
