/** The certificates that a host sent to the worker, and the button that pins the first one. */

import { html, nothing } from "./vendor/lit-html.js";
import { labelled, say, shownAt } from "./words.js";

/** `inspected` is the answer of inspect-certificate; `pin(sha256)` and `close()` are callbacks. */
export function certificateView(inspected, pinned, pin, close) {
  return html`<section class="certificates">
    <header><h2>${say("certificate")}</h2>
      ${inspected.trusted === null ? nothing : html`<span class="tag ${inspected.trusted ? "good" : "bad"}">${inspected.trusted ? say("trusted") : say("notTrusted")}</span>`}
      <button type="button" class="quiet" @click=${close}>${say("close")}</button></header>
    ${why(inspected)}
    <ol>${inspected.certificates.map((one, n) => html`<li class="certificate">
      <h3>${one.subject || one.sha256}</h3>
      <dl class="evidence">
        ${row(say("issuedBy"), one.issuer)}
        ${row(say("validFor"), one.names.join(", "))}
        ${row(say("ignoredNames"), one.ignoredNames?.join(", "))}
        ${row(say("validFrom"), one.notBefore && shownAt(one.notBefore))}
        ${row(say("validUntil"), one.notAfter && shownAt(one.notAfter))}
        ${row(say("key"), one.keyType && `${one.keyType} ${one.keyBits}`)}
        ${row("SHA-256", one.sha256)}
      </dl>
      ${n ? nothing : one.sha256 === pinned ? html`<p class="about">${say("pinned")}</p>`
        : html`<button type="button" @click=${() => pin(one.sha256)}>${say("pin")}</button>`}
    </li>`)}</ol></section>`;
}

/** Return why the certificate is not trusted, or why there is none. */
function why({ reason, items, recommendation }) {
  const failed = items.find((item) => item.status === "failure");
  const said = reason?.summary ?? failed?.errorMsg;
  return said ? html`<p class="recommendation">${labelled(said)}${recommendation || reason ? html`<br>${labelled(reason?.remedies[0] ?? recommendation)}` : nothing}</p>` : nothing;
}

const row = (name, value) => (value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : nothing);
