/** A certificate as it was shown to the worker, and the button that pins it. */

import { html, nothing } from "./vendor/lit-html.js";
import { say, shownAt } from "./words.js";

/** `inspected` is the answer of inspect-certificate; `pin(sha256)` and `close()` are callbacks. */
export function certificateView(inspected, pinned, pin, close) {
  return html`<section class="certificates">
    <header><h2>${say("certificate")}</h2>
      <span class="tag ${inspected.trusted ? "good" : "bad"}">${inspected.trusted ? say("trusted") : say("notTrusted")}</span>
      <button type="button" class="quiet" @click=${close}>${say("close")}</button></header>
    ${(inspected.findings ?? []).map((one) => html`<p class="recommendation">${one.summary}</p>`)}
    <ol>${inspected.chain.map((one, n) => html`<li class="certificate">
      <h3>${one.subject}</h3>
      <dl class="evidence">
        ${row(say("issuedBy"), one.issuer)}
        ${row(say("validFor"), (one.names ?? []).join(", "))}
        ${row(say("validFrom"), shownAt(one.notBefore))}
        ${row(say("validUntil"), shownAt(one.notAfter))}
        ${row(say("key"), one.key)}
        ${row("SHA-256", one.sha256)}
      </dl>
      ${n ? nothing : one.sha256 === pinned ? html`<p class="about">${say("pinned")}</p>`
        : html`<button type="button" @click=${() => pin(one.sha256)}>${say("pin")}</button>`}
    </li>`)}</ol></section>`;
}

const row = (name, value) => (value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : nothing);
