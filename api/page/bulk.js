/** The bulk view: it tests the platforms of a file and shows progress, causes and results. */

import { html, svg, nothing } from "./vendor/lit-html.js";
import { save } from "./finding.js";
import { remember } from "./history.js";
import { ask, call, events, Problem, TESTS } from "./service.js";
import { mark } from "./waterfall.js";
import { labelled, say, shownAt, shownMs } from "./words.js";

const BATCHES = `${TESTS}/batches`;
const PAGE = 50;
const TYPES = { csv: "text/csv", ndjson: "application/x-ndjson", jsonl: "application/x-ndjson", json: "application/json" };
const OUTCOMES = ["passed", "warning", "failed", "running", "queued", "cancelled", "expired", "lost"];
const SAMPLE = `name,productType,endpoint,accessKey,secretKey,options.timeoutSeconds
Berlin,zstack,https://zstack.berlin.example.com:8443,AKID1,secret-1,10
Tokyo,zstack,192.0.2.7:8080,AKID2,secret-2,10
`;

const state = { batch: null, page: null, cursors: ["0"], filter: {}, sending: "", problem: "", rows: [], over: false, watching: null };
let draw = () => {};

const urlOf = (batchId) => `${BATCHES}/${encodeURIComponent(batchId)}`;

export const onChange = (redraw) => { draw = redraw; };

async function trying(work) {
  Object.assign(state, { problem: "", rows: [] });
  draw();
  try {
    await work();
  } catch (error) {
    state.problem = error instanceof Problem ? error.message : say("unreachable");
    state.rows = error.fields ?? [];
  } finally {
    state.sending = "";
    draw();
  }
}

const upload = (file) => trying(async () => {
  const type = TYPES[file.name.split(".").pop().toLowerCase()] || file.type;
  state.sending = file.name;
  draw();
  const accepted = await (await call(BATCHES, { method: "POST", body: file, type })).json();
  location.hash = `#batch/${accepted.batchId}`;
});

/** Show a batch, and follow it while it runs. */
export const open = (batchId) => trying(async () => {
  state.watching?.abort();
  const watching = new AbortController();
  Object.assign(state, { batch: null, page: null, cursors: ["0"], filter: {}, watching });
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
    if (!signal.aborted) state.problem = error instanceof Problem ? error.message : say("unreachable");
    draw();
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
export const reload = () => (state.batch ? trying(() => look(state.batch.batchId)) : undefined);

async function showPage() {
  const query = new URLSearchParams({ ...state.filter, cursor: state.cursors.at(-1), limit: PAGE });
  state.page = await ask(`${urlOf(state.batch.batchId)}/results?${query}`);
  draw();
}

function filter(wanted) {
  Object.assign(state, { filter: wanted, cursors: ["0"] });
  trying(showPage);
}

function turn(cursors) {
  state.cursors = cursors;
  trying(showPage);
}

const download = (format) => trying(async () => {
  const response = await call(`${urlOf(state.batch.batchId)}/results?${new URLSearchParams({ ...state.filter, format })}`);
  save(`conncheck-${state.batch.batchId}.${format}`, "application/octet-stream", await response.blob());
});

const cancel = () => trying(async () => {
  await ask(urlOf(state.batch.batchId), { method: "DELETE" });
  await look(state.batch.batchId);
});

const retry = () => trying(async () => {
  const { batchId } = await ask(`${urlOf(state.batch.batchId)}/retry`, { method: "POST" });
  location.hash = `#batch/${batchId}`;
});

export function bulkView() {
  return html`${state.problem ? html`<p class="problem" role="alert">${state.problem}</p>` : nothing}
    ${state.rows.length ? html`<section class="card reasons"><h2>${say("reasons")}</h2>
      <ul class="also">${state.rows.map(({ field, reason }) => html`<li><code>${field}</code> ${labelled(reason)}</li>`)}</ul></section>` : nothing}
    ${state.batch && location.hash.startsWith("#batch/") ? batchView(state.batch) : dropZone()}`;
}

function dropZone() {
  const drop = (event) => {
    event.preventDefault();
    state.over = false;
    const [file] = event.dataTransfer.files;
    if (file) upload(file);
  };
  const over = (is) => (event) => { event.preventDefault(); state.over = is; draw(); };
  return html`<section class="card drop ${state.over ? "over" : ""}" @dragover=${over(true)} @dragleave=${over(false)} @drop=${drop}>
    ${state.sending ? html`<h2>${say("uploading", state.sending)}</h2>` : html`
      <h2>${say("dropTitle")}</h2><p>${say("dropText")}</p>
      <p class="actions"><label class="button primary">${say("chooseFile")}
        <input type="file" class="hidden" accept=".csv,.ndjson,.jsonl,.json" @change=${(event) => event.target.files[0] && upload(event.target.files[0])}></label>
      <button type="button" class="quiet" @click=${() => save("platforms.csv", "text/csv", SAMPLE)}>${say("sample")}</button></p>`}
  </section>`;
}

const countOf = (batch, outcome) => (outcome === "passed" ? batch.passed - batch.warnings : outcome === "warning" ? batch.warnings : batch[outcome]);

function batchView(batch) {
  return html`<section class="card">
      <header class="title"><h2>${say("batchOf", batch.total)}</h2>
        <p class="about">${batch.ratePerSecond ? html`<span>${say("perSecond", batch.ratePerSecond.toFixed(1))}</span>` : nothing}
          ${batch.estimatedEndAt ? html`<span>${say("endsAt", shownAt(batch.estimatedEndAt))}</span>` : nothing}</p></header>
      ${progress(batch)}
      <p class="actions">
        ${batch.finishedAt ? nothing : html`<button type="button" @click=${cancel}>${say("cancel")}</button>`}
        ${batch.finishedAt && batch.failed + batch.expired + batch.lost ? html`<button type="button" @click=${retry}>${say("retry")}</button>` : nothing}
        <button type="button" class="quiet" @click=${() => download("csv")}>${say("downloadAs", "CSV")}</button>
        <button type="button" class="quiet" @click=${() => download("ndjson")}>${say("downloadAs", "NDJSON")}</button>
        <a class="button quiet" href="#bulk">${say("another")}</a></p>
      ${batch.rejected ? html`<details><summary>${say("rejectedRows", batch.rejected)}</summary>
        <ul class="also">${batch.errors.map((one) => html`<li><code>${one.place}</code> ${one.field ? html`<code>${one.field}</code>` : nothing} ${one.reason}</li>`)}</ul></details>` : nothing}
    </section>
    ${batch.causes.length ? html`<div class="two even">
      <section class="card"><h2>${say("causes")}</h2>
        <ul class="groups">${batch.causes.map((one) => group(batch, one.cause, one.count, one.outcome, { cause: one.cause }))}</ul></section>
      ${batch.sharedFacts.length ? html`<section class="card"><h2>${say("inCommon")}</h2>
        <ul class="also">${batch.sharedFacts.map((one) => html`<li>${one.text}</li>`)}</ul></section>` : nothing}</div>` : nothing}
    ${table()}`;
}

function progress(batch) {
  let at = 0;
  const bars = OUTCOMES.map((outcome) => {
    const width = (countOf(batch, outcome) / Math.max(batch.total, 1)) * 100;
    const bar = svg`<rect class="fill ${outcome}" x="${at}%" width="${width}%" height="100%"></rect>`;
    at += width;
    return bar;
  });
  return html`<svg class="progress" role="img" aria-label=${`${batch.passed + batch.failed} / ${batch.total}`}>${bars}</svg>
    <ul class="counts">${OUTCOMES.filter((one) => countOf(batch, one) || one in { passed: 1, failed: 1 }).map((one) => html`
      <li><button type="button" class="count ${one}" aria-pressed=${state.filter.outcome === one ? "true" : "false"}
        @click=${() => filter(state.filter.outcome === one ? {} : { outcome: one })}><b>${countOf(batch, one)}</b> ${say(`outcome${one}`)}</button></li>`)}</ul>`;
}

function group(batch, name, count, outcome, wanted) {
  const isChosen = state.filter.cause === wanted.cause;
  return html`<li><button type="button" class="group" aria-pressed=${isChosen ? "true" : "false"} @click=${() => filter(isChosen ? {} : wanted)}>
    <code>${name}</code><span class="bar"><svg aria-hidden="true"><rect class="fill ${outcome}" width="${(count / batch.total) * 100}%" height="100%" rx="2"></rect></svg></span>
    <b>${count}</b></button></li>`;
}

function table() {
  const { page, cursors, filter: wanted } = state;
  if (!page) return html`<section class="card"><p class="empty">${say("loading")}</p></section>`;
  const rows = page.items;
  return html`<section class="card results">
    <header class="title"><h2>${say("results")}</h2>
      ${Object.entries(wanted).map(([name, one]) => html`<span class="tag">${name === "outcome" ? say(`outcome${one}`) : one}</span>`)}
      ${Object.keys(wanted).length ? html`<button type="button" class="quiet" @click=${() => filter({})}>${say("clearFilter")}</button>` : nothing}</header>
    ${rows.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${say("results")}><table>
      <thead><tr><th scope="col">${say("name")}</th><th scope="col">${say("endpoint")}</th><th scope="col">${say("outcome")}</th>
        <th scope="col">${say("message")}</th><th scope="col" class="number">${say("time")}</th></tr></thead>
      <tbody>${rows.map(row)}</tbody></table></div>` : html`<p class="empty">${say("noResults")}</p>`}
    <p class="actions pages">
      <button type="button" ?disabled=${cursors.length < 2} @click=${() => turn(cursors.slice(0, -1))}>${say("previous")}</button>
      <span class="about">${rows.length ? say("pageOf", rows[0].index + 1, rows.at(-1).index + 1) : ""}</span>
      <button type="button" ?disabled=${!page.nextCursor} @click=${() => turn([...cursors, page.nextCursor])}>${say("following")}</button></p>
  </section>`;
}

function row(one) {
  const standing = one.outcome || one.status;
  return html`<tr>
    <td>${one.jobId && one.finishedAt ? html`<a href=${`#job/${one.jobId}`}>${one.name || one.index + 1}</a>` : one.name || one.index + 1}</td>
    <td><code>${one.endpoint}</code></td>
    <td>${mark(standing in { passed: 1, warning: 1, failed: 1 } ? standing : standing === "running" ? "live" : "to-come")} ${say(`outcome${standing}`)}</td>
    <td>${one.errorMsg || (one.cause ? html`<code>${one.cause}</code>` : "")}</td>
    <td class="number">${one.tookMs === null ? "" : shownMs(one.tookMs)}</td></tr>`;
}
