/** The finding of a step: the cause, what to do, and the evidence. */

import { html, nothing } from "./vendor/lit-html.js";
import { labelled, language, say } from "./words.js";

const COPIED_MS = 1500;

export function finding(item) {
  return html`<div class="finding">
    ${item.summary ? html`<p class="summary">${labelled(item.summary)}</p>` : nothing}
    ${item.remedies.length ? html`<h4>${say("next")}</h4>
      <ol class="remedies">${item.remedies.map((remedy) => html`<li>${labelled(remedy)}</li>`)}</ol>` : nothing}
    ${item.cause ? html`<p class="facts">
      <span><b>${say("cause")}</b> ${causeCode(item)}</span>
      ${item.owner ? html`<span><b>${say("owner")}</b> ${say(`owner${item.owner}`)}</span>` : nothing}</p>` : nothing}
    ${evidence(item.evidence)}
    ${item.contributing.length ? html`<h4>${say("alsoFound")}</h4>
      <ul class="also">${item.contributing.map((one) => html`<li>${causeCode(one)} ${labelled(one.summary)}</li>`)}</ul>` : nothing}
    ${item.command ? html`<h4>${say("reproduce")}</h4>
      <p class="command"><code>${item.command}</code>
      <button type="button" class="quiet" @click=${(event) => copy(item.command, event.target)}>${say("copy")}</button></p>` : nothing}
  </div>`;
}

/** The code of a cause, which leads to its explanation where the service has one. */
export function causeCode({ cause, docUrl }) {
  const name = html`<code>${cause}</code>`;
  return docUrl ? html`<a href=${`${docUrl}?lang=${language()}`}>${name}</a>` : name;
}

function evidence(facts) {
  const told = Object.entries(facts).filter(([, fact]) => fact !== "" && !(Array.isArray(fact) && !fact.length));
  if (!told.length) return nothing;
  return html`<h4>${say("evidence")}</h4><dl class="evidence">
    ${told.map(([name, fact]) => html`<div><dt>${name.replace(/_(s|ms)$/, " ($1)").replaceAll("_", " ")}</dt>
      <dd>${Array.isArray(fact) ? fact.join(", ") : String(fact)}</dd></div>`)}</dl>`;
}

/** Copy a text to the clipboard, and say on the button for a moment whether that succeeded. */
export async function copy(text, button) {
  // lit-html keeps this node; to replace it would end the button's translation.
  const label = [...button.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
  const name = label.data;
  label.data = say(await isCopied(text) ? "copied" : "notCopied");
  setTimeout(() => { label.data = name; }, COPIED_MS);
}

/** Without HTTPS, browsers have no navigator.clipboard; then the text is copied as a selection. */
async function isCopied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "hidden";
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

/** Let the browser save a file. */
export function save(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
