/** The view that tests one platform: the form, and the steps as they run. */

import { html, nothing } from "./vendor/lit-html.js";
import { certificateView } from "./certificate.js";
import { chosen } from "./comparison/choice.js";
import * as comparing from "./comparison/follow.js";
import { comparisonView, outcomeOf as outcomeOfComparison } from "./comparison/view.js";
import { EXAMPLE, formView, requestOf } from "./form.js";
import { remember } from "./history.js";
import { hear, jobView, outcomeOf } from "./job.js";
import { ask, events, INSPECT, isSignedIn, Problem, PRODUCTS, SITES, TESTS } from "./service.js";
import { labelled, labelOf, say } from "./words.js";

const JOBS = `${TESTS}/jobs`;
const FORM = "#test";

export const testState = {
  form: { ...EXAMPLE, mock: "", site: "", timeout: "", verify: true, ca: "", fingerprint: "", force: false, expect: {}, own: {}, leftOut: [], signInAll: false },
  products: [], sites: [], causes: [], wrong: {}, problem: "", shown: "", job: null, comparison: null, certificate: null, busy: false, stopping: null,
};
const state = testState;
let draw = () => {};

/** Call `redraw` whenever there is something new to show. */
export const onChange = (redraw) => { draw = redraw; };

export async function load() {
  try {
    state.causes = Object.keys(await ask("/page/catalogue.json"));
    if (isSignedIn()) [state.products, state.sites] = await Promise.all([listOf(PRODUCTS), listOf(SITES)]);
  } catch (error) {
    explain(error);
  }
  draw();
}

const listOf = async (path) => (await ask(path)).items;

function set(name, value) {
  if (name === "productType") takeExampleOf(value);
  state.form[name] = value;
  state.wrong = Object.fromEntries(Object.entries(state.wrong).filter(([field]) => field !== name));
  draw();
}

/** Replace the old product's example in the form by the new product's. */
function takeExampleOf(productType) {
  const exampleOf = (wanted) => state.products.find((one) => one.productType === wanted)?.example.endpoint;
  const { form } = state;
  form.own = {};
  if ([EXAMPLE.endpoint, exampleOf(form.productType)].includes(form.endpoint)) form.endpoint = exampleOf(productType);
}

/** Do `work`, in the place of what was being done. */
async function busyWith(work) {
  state.stopping?.abort();
  const stopping = new AbortController();
  Object.assign(state, { busy: true, wrong: {}, problem: "", stopping });
  draw();
  try {
    await work(stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) explain(error);
  } finally {
    if (state.stopping === stopping) state.busy = false;
    draw();
  }
}

function explain(error) {
  const fields = error.fields ?? [];
  if (error instanceof Problem) Object.assign(state, { job: null, comparison: null }); // e.g. a link to what has expired
  state.problem = error instanceof Problem ? error.message : say("unreachable");
  if (fields.length) state.problem = fields.map((one) => say("fieldReason", labelOf(one.field), labelled(one.reason))).join(say("and"));
  for (const { field, reason } of fields) state.wrong[field] = labelled(reason);
}

const send = () => busyWith(async (signal) => {
  dropResult();
  const { jobId } = await ask(JOBS, { content: request(), signal });
  point("job", jobId);
  await followJob(jobId, signal);
});

const compare = () => busyWith(async (signal) => {
  dropResult();
  const { form, sites } = state;
  const id = await comparing.start(request(), chosen(form, sites), form.signInAll ? "all" : "first", signal);
  point("comparison", id);
  await followComparison(id, signal);
});

const request = () => requestOf(state.form, state.products.find((one) => one.productType === state.form.productType));

/** Let the page's address name the new result, so that it can be shared. */
function point(kind, id) {
  state.shown = `${kind}/${id}`;
  history.pushState(null, "", address());
}

const urlOf = (jobId) => `${JOBS}/${encodeURIComponent(jobId)}`;

/** The address of what the view shows. */
export const address = () => (state.shown ? `#${state.shown}` : FORM);

/** The kinds of results that an address can name, and how each is followed while it comes about. */
const FOLLOWED = { job: followJob, comparison: followComparison };
export const isResult = (kind) => Object.hasOwn(FOLLOWED, kind);

/** Show a job or a comparison, and follow it while it runs. */
export function open(kind, id) {
  const shown = `${kind}/${id}`;
  if (state.shown === shown && (state.job || state.comparison || state.busy)) return;
  Object.assign(state, { shown, job: null, comparison: null, certificate: null });
  busyWith((signal) => FOLLOWED[kind](id, signal));
}

/** Show the form alone. */
export function close() {
  if (!state.shown) return;
  state.stopping?.abort();
  Object.assign(state, { shown: "", job: null, comparison: null, wrong: {}, problem: "", busy: false });
  draw();
}

async function followComparison(id, signal) {
  for await (const comparison of comparing.follow(id, signal)) {
    state.comparison = comparison;
    draw();
  }
  const { productType, endpoint } = state.comparison;
  remember({ kind: "comparison", id, what: `${productType} ${endpoint}`, outcome: outcomeOfComparison(state.comparison) });
}

async function followJob(jobId, signal) {
  const job = { jobId, status: "queued", endpoint: "", items: [], stepsToCome: [], liveStep: "" };
  for await (const { event, data } of events(urlOf(jobId), { signal })) {
    state.job = job; // not before: an unknown job is not in the queue
    hear(job, event, data);
    draw();
  }
  state.job = await ask(urlOf(jobId), { signal });
  const failed = state.job.items.find((item) => item.outcome === "failed");
  if (failed?.field) state.wrong[failed.field] = labelled(failed.summary);
  remember({ kind: "job", id: jobId, what: `${state.job.productType} ${state.job.endpoint}`, outcome: outcomeOf(state.job) });
}

/** Ask for the same texts again, in another language. */
export async function reload() {
  await load();
  try {
    if (state.busy) return;
    if (state.job) state.job = await ask(urlOf(state.job.jobId));
    if (state.comparison) state.comparison = await comparing.look(state.comparison.comparisonId);
  } catch (error) {
    explain(error);
  }
  draw();
}

async function stop() {
  const [kind, ...rest] = state.shown.split("/");
  const id = rest.join("/");
  state.stopping.abort();
  if (kind === "job" && !state.job?.finishedAt) state.job = await ask(urlOf(id), { method: "DELETE" });
  if (kind === "comparison" && !state.comparison?.finishedAt) state.comparison = await comparing.cancel(id);
  draw();
}

const inspect = () => busyWith(async (signal) => {
  dropResult();
  const { productType, endpoint, site } = state.form;
  const content = { productType, endpoint, ...(site ? { options: { site } } : {}) };
  state.certificate = await ask(INSPECT, { content, signal });
});

/** Forget the older result: should the new request be refused, it must not stand beside the reason. */
function dropResult() {
  if (state.shown) history.pushState(null, "", FORM);
  Object.assign(state, { shown: "", job: null, comparison: null, certificate: null });
  draw();
}

function pin(sha256) {
  Object.assign(state.form, { fingerprint: sha256 });
  draw();
}

export function testView() {
  const { form, products, sites, causes, wrong, busy, certificate, comparison } = state;
  return html`<div class="two">
    ${formView({ form, products, sites, causes, wrong, busy, set, send, stop, inspect, compare })}
    <section class="card result" aria-live="polite" aria-busy=${busy ? "true" : "false"}>
      ${state.problem ? html`<p class="problem" role="alert">${state.problem}</p>` : nothing}
      ${certificate ? certificateView(certificate, form.fingerprint, pin, () => { state.certificate = null; draw(); }) : nothing}
      ${comparison ? comparisonView(comparison, address()) : nothing}
      ${state.job ? jobView(state.job, siteOf(state.job)) : certificate || comparison || state.problem ? nothing : busy ? html`<p class="empty">${say("testing")}</p>` : empty()}
    </section></div>`;
}

function empty() {
  return html`<div class="empty"><svg viewBox="0 0 120 60" aria-hidden="true">
    <rect x="4" y="8" width="30" height="8" rx="4"></rect><rect x="34" y="26" width="44" height="8" rx="4"></rect>
    <rect x="78" y="44" width="38" height="8" rx="4"></rect></svg>
    <h2>${say("emptyTitle")}</h2><p>${say("emptyText")}</p></div>`;
}

/** Return what people call the site of a job; nothing where there is one site only. */
function siteOf({ site }) {
  return state.sites.length > 1 && site ? state.sites.find((one) => one.name === site)?.title ?? site : "";
}
