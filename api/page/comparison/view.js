/** What a comparison has found: the table, the differences, and why a site does not pass. */

import { html, nothing } from "../vendor/lit-html.js";
import { copy, finding, save } from "../finding.js";
import { mark } from "../waterfall.js";
import { labelled, say, shownMs } from "../words.js";
import { table } from "./table.js";

const PASSED = ["passed", "warning"];
const ALL_PASS = "sites.all_pass";

/** Return running, cancelled, passed or failed; or untested, if a site was not tested and none fails. */
export function outcomeOf({ status, sites }) {
  if (status !== "finished") return status;
  if (sites.some((one) => one.outcome === "failed")) return "failed";
  return sites.every((one) => PASSED.includes(one.outcome)) ? "passed" : "untested";
}

export function comparisonView(comparison, address) {
  const outcome = outcomeOf(comparison);
  const isOver = Boolean(comparison.finishedAt);
  return html`<article class="job comparison ${outcome}">
    <header>${mark(isOver ? (outcome === "passed" ? "passed" : "failed") : "live")}
      <div><h2>${title(comparison, outcome)}</h2>
        <p class="about"><code>${comparison.endpoint}</code>
          ${isOver ? html`<span>${say("took", shownMs(lasted(comparison)))}</span>` : nothing}</p></div></header>
    ${table(comparison)}
    ${comparison.differences.length ? html`<section class="differences"><h3>${say("differences")}</h3>
      ${comparison.differences.map(difference)}</section>` : nothing}
    ${failures(comparison)}
    ${isOver ? html`<p class="actions">
      <button type="button" class="quiet" @click=${(event) => copy(new URL(address, location.href).href, event.target)}>${say("copyLink")}</button>
      <button type="button" class="quiet" @click=${() => save(`conncheck-${comparison.comparisonId}.json`, "application/json", JSON.stringify(comparison, null, 1))}>${say("download")}</button>
    </p>` : nothing}
  </article>`;
}

function title({ sites }, outcome) {
  const named = (isMeant) => sites.filter(isMeant).map((one) => one.site).join(say("listed"));
  const titles = {
    running: () => say("comparing", sites.length), cancelled: () => say("cancelled"),
    passed: () => say("passedFrom", sites.length), failed: () => say("failedFrom", named((one) => one.outcome === "failed")),
    untested: () => say("untestedFrom", named((one) => !PASSED.includes(one.outcome))),
  };
  return titles[outcome]();
}

const lasted = ({ createdAt, finishedAt }) => Date.parse(finishedAt) - Date.parse(createdAt);

/** Return a difference as the findings of a step are shown, with what each side has seen. */
function difference({ code, docUrl, owner, summary, remedies, sides }) {
  const told = ([name, fact]) => `${name.replaceAll("_", " ")}: ${Array.isArray(fact) ? fact.join(", ") : fact}`;
  const seen = sides.map((side) => [side.sites.join(say("listed")), Object.entries(side.evidence).map(told).join("; ")]);
  return finding({
    cause: code, docUrl, summary, remedies, owner: code === ALL_PASS ? null : owner,
    evidence: Object.fromEntries(seen), contributing: [], command: "",
  });
}

/** Return why the test does not pass, the same cause at the same step once. */
function failures({ sites, steps }) {
  const alike = new Map();
  for (const step of steps) {
    for (const result of step.results.filter((one) => one.outcome === "failed")) {
      const key = `${step.name} ${result.cause}`;
      alike.set(key, [...(alike.get(key) ?? []), result]);
    }
  }
  if (!alike.size) return nothing;
  const jobOf = (name) => sites.find((one) => one.site === name)?.jobId;
  return html`<section><h3>${say("whyFailed")}</h3><ul class="also">${[...alike.values()].map((results) => html`<li>
    <b>${say("fromSite", results.map((one) => one.site).join(say("listed")))}</b> ${labelled(results[0].summary)}
    <a href=${`#job/${jobOf(results[0].site)}`}>${say("next")}</a></li>`)}</ul></section>`;
}
