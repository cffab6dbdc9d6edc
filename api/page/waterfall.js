/** A job's steps as a waterfall: when each began and how long it took, on one time scale. */

import { html, svg, nothing } from "./vendor/lit-html.js";
import { finding } from "./finding.js";
import { say, shownMs } from "./words.js";

const SLIVER = 0.6; // percent: a step that took almost no time must still be visible

/** Return the steps with their `at` and `width` in percent of the whole duration. */
export function placed(items) {
  if (!items.length) return [];
  const first = Date.parse(items[0].startedAt);
  const begun = items.map((item) => Date.parse(item.startedAt) - first);
  const whole = Math.max(...items.map((item, n) => begun[n] + item.tookMs), 1);
  return items.map((item, n) => {
    const width = Math.max((item.tookMs / whole) * 100, SLIVER);
    return { item, width, at: Math.min((begun[n] / whole) * 100, 100 - width) };
  });
}

export function waterfall(job) {
  const toCome = job.stepsToCome.filter((step) => step !== job.liveStep);
  const isMade = (item) => item.outcome !== "skipped";
  return html`
    <ol class="steps">
      ${placed(job.items.filter(isMade)).map(done)}
      ${job.liveStep ? html`<li class="step live"><p class="row">
        ${mark("live")}<code>${job.liveStep}</code>
        <span class="bar"><span class="pulse"></span></span><span class="ms"></span></p></li>` : nothing}
      ${toCome.map((step) => html`<li class="step to-come"><p class="row">
        ${mark("to-come")}<code>${step}</code><span class="bar"></span>
        <span class="ms">${job.status === "finished" ? say("notReached") : ""}</span></p></li>`)}
      ${job.items.filter((item) => !isMade(item)).map((item) => html`<li class="step to-come"><p class="row">
        ${mark("to-come")}<code>${item.name}</code><span class="why">${item.summary}</span>
        <span class="ms">${say("outcomeskipped")}</span></p></li>`)}
    </ol>`;
}

function done({ item, at, width }) {
  const row = html`
    ${mark(item.outcome)}<code>${item.name}</code>
    <span class="bar"><svg aria-hidden="true" preserveAspectRatio="none">
      ${svg`<rect class="fill ${item.outcome}" x="${at}%" width="${width}%" height="100%" rx="2"></rect>`}
    </svg></span>
    <span class="ms">${shownMs(item.tookMs)}</span>`;
  const hasMore = item.summary || Object.keys(item.evidence).length > 0;
  return html`<li class="step ${item.outcome}">
    ${hasMore
      ? html`<details ?open=${item.outcome !== "passed"}><summary class="row">${row}</summary>${finding(item)}</details>`
      : html`<p class="row">${row}</p>`}
  </li>`;
}

const SIGNS = {
  passed: "M4 8.5l3 3 5-6.5", warning: "M8 4v5M8 11.4v.6", failed: "M5 5l6 6M11 5l-6 6",
  live: "M8 5v3l2 2", "to-come": "M5.5 8h5",
};

/** Return the sign of an outcome, with a name for screen readers. */
export function mark(outcome) {
  const name = outcome === "live" ? say("outcomerunning") : outcome === "to-come" ? "" : say(`outcome${outcome}`);
  return html`<span class="mark ${outcome}"><svg viewBox="0 0 16 16" role="img" aria-label=${name || nothing}
    aria-hidden=${name ? nothing : "true"}><circle cx="8" cy="8" r="7"></circle><path d=${SIGNS[outcome] || SIGNS["to-come"]}></path></svg></span>`;
}
