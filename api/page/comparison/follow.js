/** A comparison of sites while it runs: its events fill in the table of steps and sites. */

import { ask, events, TESTS } from "../service.js";

const COMPARISONS = `${TESTS}/comparisons`;
const urlOf = (id) => `${COMPARISONS}/${encodeURIComponent(id)}`;

/** Start to compare `sites`; return the comparison's id. */
export async function start(request, sites, signIn, signal) {
  const { site, ...options } = request.options ?? {}; // the choice of one site is for a single test
  const content = { ...request, options, sites, signIn };
  return (await ask(COMPARISONS, { content, signal })).comparisonId;
}

export const look = (id, options) => ask(urlOf(id), options);

export const cancel = (id) => ask(urlOf(id), { method: "DELETE" });

/** Yield the comparison whenever more is known of it, the last time when it is over. */
export async function* follow(id, signal) {
  let comparison = await look(id, { signal });
  yield comparison;
  if (comparison.finishedAt) return;
  for await (const { event, data } of events(urlOf(id), { last: "over", signal })) {
    if (event === "over") comparison = data;
    else hear(comparison, event, data);
    yield comparison;
  }
}

/** Apply an event of one site's job. */
export function hear(comparison, event, data) {
  const site = comparison.sites.find((one) => one.site === data.site);
  const results = comparison.steps.map((step) => [step.name, step.results.find((one) => one.site === data.site)]);
  const of = (name) => results.find(([step]) => step === name)?.[1] ?? {};
  if (event === "queued") {
    Object.assign(site, { status: "queued", jobId: data.jobId });
    for (const [name, result] of results) if (!data.steps.includes(name)) result.outcome = "not_part";
  }
  if (event === "started" || event === "requeued") {
    for (const [, result] of results) if (result.outcome !== "not_part") Object.assign(result, NOTHING_KNOWN);
  }
  if (event === "started" || event === "step_started") site.status = "running";
  if (event === "step_started") of(data.step).outcome = "running";
  if (event === "step_ended" || event === "step_noted") {
    const { outcome, cause, docUrl, summary, tookMs } = data;
    Object.assign(of(data.name), { outcome, cause, docUrl, summary, tookMs });
  }
  if (event === "closed") close(site, results, data);
}

const NOTHING_KNOWN = { outcome: null, cause: null, docUrl: null, summary: "", tookMs: null };

/** Note how the job of a site has ended; what it was at and did not begin is not made any more. */
function close(site, results, { status, success }) {
  const hasWarning = results.some(([, result]) => result.outcome === "warning");
  const outcome = success ? (hasWarning ? "warning" : "passed") : "failed";
  Object.assign(site, { status, outcome: status === "finished" ? outcome : null });
  for (const [, result] of results) {
    if (result.outcome === null || result.outcome === "running") result.outcome = "skipped";
  }
}
