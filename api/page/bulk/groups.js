/** The counts of a batch by outcome and cause; a click on one filters the results. */

import { html, nothing, svg } from "../vendor/lit-html.js";
import { say } from "../words.js";

const OUTCOMES = ["passed", "warning", "failed", "running", "queued", "cancelled", "expired", "lost"];

const countOf = (batch, outcome) => (outcome === "passed" ? batch.passed - batch.warnings : outcome === "warning" ? batch.warnings : batch[outcome]);

/** Bars of the parts [outcome, count] of `total`, side by side. */
function bars(parts, total) {
  let at = 0;
  return parts.map(([outcome, count]) => {
    const width = (count / Math.max(total, 1)) * 100;
    const bar = svg`<rect class="fill ${outcome}" x="${at}%" width="${width}%" height="100%"></rect>`;
    at += width;
    return bar;
  });
}

export function progress(batch, filter, set) {
  const counted = OUTCOMES.map((outcome) => [outcome, countOf(batch, outcome)]);
  // A cause belongs to one outcome: both together would show nothing, or all that the cause shows.
  const choose = (outcome) => {
    const { outcome: before, cause, ...others } = filter;
    set(before === outcome ? others : { ...others, outcome });
  };
  return html`<svg class="progress" role="img" aria-label=${`${batch.passed + batch.failed} / ${batch.total}`}>${bars(counted, batch.total)}</svg>
    <ul class="counts">${counted.filter(([one, count]) => count || one in { passed: 1, failed: 1 }).map(([one, count]) => html`
      <li><button type="button" class="count ${one}" aria-pressed=${filter.outcome === one ? "true" : "false"}
        @click=${() => choose(one)}><b>${count}</b> ${say(`outcome${one}`)}</button></li>`)}</ul>`;
}

export function groupsView(batch, filter, set) {
  const cards = [
    batch.causes.length && causesCard(batch, filter, set),
    batch.sharedFacts.length && html`<section class="card"><h2>${say("inCommon")}</h2>
      <ul class="also">${batch.sharedFacts.map((one) => html`<li>${one.text}</li>`)}</ul></section>`,
  ].filter(Boolean);
  return cards.length ? html`<div class="two even">${cards}</div>` : nothing;
}

function causesCard(batch, filter, set) {
  const choose = (code) => {
    const { cause, outcome, ...others } = filter;
    set(cause === code ? others : { ...others, cause: code });
  };
  return html`<section class="card"><h2>${say("causes")}</h2>
    <ul class="groups">${batch.causes.map(({ cause, count, outcome }) => group({
      name: html`<code>${cause}</code>`, bar: bars([[outcome, count]], batch.total), count: html`<b>${count}</b>`,
      isChosen: filter.cause === cause, choose: () => choose(cause) }))}</ul></section>`;
}

function group({ name, bar, count, isChosen, choose }) {
  return html`<li><button type="button" class="group" aria-pressed=${isChosen ? "true" : "false"} @click=${choose}>
    <span class="name">${name}</span><span class="bar"><svg aria-hidden="true">${bar}</svg></span>${count}</button></li>`;
}
