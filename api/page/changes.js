/** The changes of each version. */

import { html } from "./vendor/lit-html.js";
import { ask } from "./service.js";
import { say } from "./words.js";

let versions = null;

export async function load(redraw) {
  versions ??= await ask("/page/changes.json");
  redraw();
}

export function changesView() {
  if (!versions) return html`<p class="empty">${say("loading")}</p>`;
  return html`<section class="card changes"><h2>${say("changesTitle")}</h2>
    ${versions.map(({ version, changes }) => html`<h3>${version}</h3><ul>${changes.map((one) => html`<li>${coded(one)}</li>`)}</ul>`)}</section>`;
}

/** Return a sentence with its `code` marked as code. */
const coded = (text) => text.split("`").map((part, n) => (n % 2 ? html`<code>${part}</code>` : part));
