/** The counts of a batch by outcome, cause, product and label; a click on one filters the results. */

import { html, nothing, svg } from "../vendor/lit-html.js";
import { testState } from "../test.js";
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

/** `by` is the group that is chosen; `setBy` chooses another one. */
export function groupsView(batch, { filter, set, by, setBy }) {
  const { groups } = batch;
  const failures = [
    batch.causes.length && causesCard(batch, filter, set),
    batch.sharedFacts.length && html`<section class="card"><h2>${say("inCommon")}</h2>
      <ul class="also">${batch.sharedFacts.map((one) => html`<li>${one.text}</li>`)}</ul></section>`,
  ].filter(Boolean);
  if (!groups.length) return failures.length ? html`<div class="two even">${failures}</div>` : nothing;
  const group = groupCard(groups, groups.find((one) => one.by === by) ?? groups[0], { filter, set, setBy });
  return html`<div class="two even">${failures.length ? html`<div class="stack">${failures}</div>` : nothing}${group}</div>`;
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

function groupCard(all, { by, values, rest }, { filter, set, setBy }) {
  return html`<section class="card"><header class="title"><h2><label for="group-by">${say("groupsBy")}</label></h2>
      <select id="group-by" class="small" @change=${(event) => setBy(event.target.value)}>
        ${all.map((one) => html`<option value=${one.by} .selected=${one.by === by}>${nameOf(one.by)}</option>`)}</select></header>
    <ul class="groups values">${values.map((one) => valueRow(by, one, filter, set))}</ul>
    ${rest ? html`<p class="about">${say("otherValues", rest.count)}: ${say("failedOf", rest.failed, rest.total)}</p>` : nothing}</section>`;
}

function valueRow(by, { value, total, passed, warnings, failed, others }, filter, set) {
  const isChosen = isIn(filter, by, value);
  return group({
    name: shownValue(by, value),
    bar: bars([["passed", passed - warnings], ["warning", warnings], ["failed", failed], ["lost", others]], total),
    count: html`<b>${say("failedOf", failed, total)}</b>`,
    isChosen, choose: () => set(isChosen ? without(filter, by, value) : withValue(filter, by, value)),
  });
}

function group({ name, bar, count, isChosen, choose }) {
  return html`<li><button type="button" class="group" aria-pressed=${isChosen ? "true" : "false"} @click=${choose}>
    <span class="name">${name}</span><span class="bar"><svg aria-hidden="true">${bar}</svg></span>${count}</button></li>`;
}

const LABEL = "label.";
const labelOfGroup = (by) => by.slice(LABEL.length);

/** A label by its own name; it can't be translated. */
const nameOf = (by) => (by.startsWith(LABEL) ? labelOfGroup(by) : say("product"));

function shownValue(by, value) {
  const product = by === "productType" && testState.products.find((one) => one.productType === value);
  return product ? product.title : value || say("noValue");
}

const isIn = (filter, by, value) => (by === "productType"
  ? filter.productType === value
  : (filter.label ?? []).includes(`${labelOfGroup(by)}=${value}`));

/** Return the filter with a value of the group `by`, in the place of another one of the same group. */
function withValue(filter, by, value) {
  if (by === "productType") return { ...filter, productType: value };
  const others = (filter.label ?? []).filter((one) => !one.startsWith(`${labelOfGroup(by)}=`));
  return { ...filter, label: [...others, `${labelOfGroup(by)}=${value}`] };
}

/** Return the filter without a value of the group `by`. */
function without({ productType, label = [], ...others }, by, value) {
  const left = by === "productType" ? label : label.filter((one) => one !== `${labelOfGroup(by)}=${value}`);
  return {
    ...others,
    ...(productType && by !== "productType" ? { productType } : {}),
    ...(left.length ? { label: left } : {}),
  };
}
