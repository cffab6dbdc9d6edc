/** The results of a comparison: a row for each step, a column for each site. */

import { html, nothing } from "../vendor/lit-html.js";
import { causeCode } from "../finding.js";
import { say, shownMs } from "../words.js";
import { mark } from "../waterfall.js";

export function table(comparison) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${say("matrix")}>
    <table class="matrix"><caption class="hidden">${say("matrix")}</caption>
      <thead><tr><th scope="col">${say("step")}</th>
        ${comparison.sites.map((one) => html`<th scope="col">${one.site}
          ${one.signsIn && signsInAtAll(comparison) ? html`<small>${say("signsIn")}</small>` : nothing}</th>`)}</tr></thead>
      <tbody>${comparison.steps.map((step) => html`<tr>
        <th scope="row"><code>${step.name}</code></th>${step.results.map((result, n) => cell(result, comparison.sites[n]))}</tr>`)}</tbody>
      <tfoot><tr><th scope="row">${say("outcome")}</th>${comparison.sites.map(ended)}</tr></tfoot>
    </table></div>`;
}

const signsInAtAll = ({ steps }) => steps.some((step) => step.name === "authenticate");

function cell(result, site) {
  return html`<td class=${result.differs ? "differs" : nothing}>
    ${result.differs ? html`<span class="unlike" role="img" aria-label=${say("differs")}>≠</span>` : nothing}
    ${content(result, site)}</td>`;
}

function content({ outcome, tookMs, cause, docUrl }, { status }) {
  if (outcome === null) return mark("to-come");
  if (outcome === "running") return mark("live");
  if (outcome === "not_part") return html`<span class="ms">${say("notPart")}</span>`;
  if (outcome === "skipped") return html`<span class="ms">${say(status === "not_tested" ? "outcomenot_tested" : "notReached")}</span>`;
  return html`${mark(outcome)} <span class="ms">${shownMs(tookMs)}</span>
    ${cause ? html`<br>${causeCode({ cause, docUrl })}` : nothing}`;
}

/** How the test from a site has ended, and where all of it is shown. */
function ended({ outcome, status, jobId, reason }) {
  const state = outcome ?? status;
  return html`<td>${say(`outcome${state}`)}
    ${reason ? html`<br><span class="about">${reason}</span>` : nothing}
    ${jobId && outcome ? html`<br><a href=${`#job/${jobId}`}>${say("details")}</a>` : nothing}</td>`;
}
