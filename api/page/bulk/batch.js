/** One batch: it is followed while it runs, filtered, downloaded, cancelled and retried. */

import { html, nothing } from "../vendor/lit-html.js";
import { save } from "../finding.js";
import { remember } from "../history.js";
import { ask, call, events } from "../service.js";
import { say, shownAt } from "../words.js";
import { groupsView, progress } from "./groups.js";
import { problemTable } from "./problems.js";
import { PAGE, resultsView } from "./results.js";
import { explain, redraw, trying } from "./state.js";
import { BATCHES } from "./upload.js";

const FIRST = ["0"];
const NOT_PASSED = ["failed", "expired", "lost"];
const FORMATS = [["csv", "CSV"], ["xlsx", "Excel"], ["ndjson", "NDJSON"]];

const state = { batch: null, page: null, cursors: FIRST, filter: {}, sort: "", by: "", watching: null };

const urlOf = (batchId) => `${BATCHES}/${encodeURIComponent(batchId)}`;

export const isShown = () => state.batch !== null && location.hash.startsWith("#batch/");

/** Show a batch, and follow it while it runs. */
export const open = (batchId) => trying(async () => {
  state.watching?.abort();
  const watching = new AbortController();
  Object.assign(state, { batch: null, page: null, cursors: FIRST, filter: {}, sort: "", by: "", watching });
  await look(batchId);
  if (state.batch.finishedAt) return;
  watch(batchId, watching.signal);
});

async function watch(batchId, signal) {
  try {
    for await (const { data } of events(urlOf(batchId), { signal })) {
      Object.assign(state.batch, data);
      await look(batchId);
    }
    await look(batchId);
  } catch (error) {
    if (!signal.aborted) explain(error);
    redraw();
  }
}

async function look(batchId) {
  state.batch = await ask(urlOf(batchId));
  await showPage();
  const { total, failed } = state.batch;
  const outcome = !state.batch.finishedAt ? "running" : failed ? "failed" : "passed";
  remember({ kind: "batch", id: batchId, what: say("batchOf", total), outcome });
}

/** Ask for the same texts again, in another language. */
export const refresh = () => (state.batch ? trying(() => look(state.batch.batchId)) : undefined);

/** Return a query; a list is a parameter that is repeated. */
const queryOf = (told) => new URLSearchParams(
  Object.entries(told).flatMap(([name, value]) => [value].flat().map((one) => [name, one])));

/** Return the query of the results that are chosen, with `more`. */
const chosen = (more) => queryOf({ ...state.filter, ...(state.sort ? { sort: state.sort } : {}), ...more });

async function showPage() {
  const query = chosen({ cursor: state.cursors.at(-1), limit: PAGE });
  state.page = await ask(`${urlOf(state.batch.batchId)}/results?${query}`);
  redraw();
}

/** Show the results from the first page on, with another filter or in another order. */
function change(wanted) {
  Object.assign(state, { ...wanted, cursors: FIRST });
  trying(showPage);
}

function turn(cursors) {
  state.cursors = cursors;
  trying(showPage);
}

const download = (format) => trying(async () => {
  const response = await call(`${urlOf(state.batch.batchId)}/results?${chosen({ format })}`);
  save(`conncheck-${state.batch.batchId}.${format}`, "application/octet-stream", await response.blob());
});

const cancel = () => trying(async () => {
  await ask(urlOf(state.batch.batchId), { method: "DELETE" });
  await look(state.batch.batchId);
});

/** Return the filter for a retry: what passed or runs is never retried. */
function retried({ outcome, ...others }) {
  return NOT_PASSED.includes(outcome) ? { outcome, ...others } : others;
}

const retry = () => trying(async () => {
  const { batchId } = await ask(`${urlOf(state.batch.batchId)}/retry?${queryOf(retried(state.filter))}`, { method: "POST" });
  location.hash = `#batch/${batchId}`;
});

export function batchView() {
  const { batch, filter } = state;
  const set = (wanted) => change({ filter: wanted });
  const canRetry = batch.finishedAt && NOT_PASSED.some((outcome) => batch[outcome]);
  const isChoice = Object.keys(retried(filter)).length > 0;
  return html`<section class="card">
      <header class="title"><h2>${say("batchOf", batch.total)}</h2>
        <p class="about">${batch.ratePerSecond ? html`<span>${say("perSecond", batch.ratePerSecond.toFixed(1))}</span>` : nothing}
          ${batch.estimatedEndAt ? html`<span>${say("endsAt", shownAt(batch.estimatedEndAt))}</span>` : nothing}</p></header>
      ${progress(batch, filter, set)}
      <p class="actions">
        ${batch.finishedAt ? nothing : html`<button type="button" @click=${cancel}>${say("cancel")}</button>`}
        ${canRetry ? html`<button type="button" @click=${retry}>${say(isChoice ? "retryThese" : "retry")}</button>` : nothing}
        ${FORMATS.map(([format, name]) => html`<button type="button" class="quiet" @click=${() => download(format)}>${say("downloadAs", name)}</button>`)}
        <a class="button quiet" href="#bulk">${say("another")}</a></p>
      ${batch.rejected ? html`<details><summary>${say("rejectedRows", batch.rejected)}</summary>
        ${problemTable([], batch.errors, say("reasons"))}</details>` : nothing}
    </section>
    ${groupsView(batch, { filter, set, by: state.by, setBy: (by) => { state.by = by; redraw(); } })}
    ${resultsView({ ...state, set, turn, order: (sort) => change({ sort }) })}`;
}
