/** The results of a batch as a table: a page of them, sorted and filtered by the service. */

import { html, nothing } from "../vendor/lit-html.js";
import { mark } from "../waterfall.js";
import { say, shownMs } from "../words.js";

export const PAGE = 50;
const NEXT_ORDER = { none: "ascending", ascending: "descending", descending: "none" };

/** `set` receives another filter, `turn` the cursors of another page, `order` another order. */
export function resultsView({ page, cursors, filter, sort, set, turn, order }) {
  if (!page) return html`<section class="card"><p class="empty">${say("loading")}</p></section>`;
  const rows = page.items;
  const first = (cursors.length - 1) * PAGE + 1;
  return html`<section class="card results">
    <header class="title"><h2>${say("results")}</h2>
      ${tagsOf(filter).map(([text, left]) => html`<button type="button" class="tag" aria-label=${say("removeFilter", text)}
        @click=${() => set(left)}>${text} <span aria-hidden="true">×</span></button>`)}
      ${tagsOf(filter).length ? html`<button type="button" class="quiet" @click=${() => set({})}>${say("clearFilter")}</button>` : nothing}</header>
    ${rows.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${say("results")}><table>
      <thead><tr>${head("name", say("name"), sort, order)}<th scope="col">${say("endpoint")}</th><th scope="col">${say("outcome")}</th>
        ${head("cause", say("message"), sort, order)}${head("tookMs", say("time"), sort, order, "number")}</tr></thead>
      <tbody>${rows.map(row)}</tbody></table></div>` : html`<p class="empty">${say("noResults")}</p>`}
    <p class="actions pages">
      <button type="button" ?disabled=${cursors.length < 2} @click=${() => turn(cursors.slice(0, -1))}>${say("previous")}</button>
      <span class="about">${rows.length ? say("pageOf", first, first + rows.length - 1) : ""}</span>
      <button type="button" ?disabled=${!page.nextCursor} @click=${() => turn([...cursors, page.nextCursor])}>${say("following")}</button></p>
  </section>`;
}

/** Return [text, filter without it] of each part of the filter. */
function tagsOf(filter) {
  return Object.entries(filter).flatMap(([name, value]) => {
    const { [name]: gone, ...others } = filter;
    if (name !== "label") return [[name === "outcome" ? say(`outcome${value}`) : value, others]];
    return value.map((one) => {
      const left = value.filter((label) => label !== one);
      return [one.endsWith("=") ? one + say("noValue") : one, left.length ? { ...others, label: left } : others];
    });
  });
}

/** A head that sorts by `field`: upwards, downwards, then in the order of the file again. */
function head(field, label, sort, order, kind = "") {
  const standing = sort === field ? "ascending" : sort === `-${field}` ? "descending" : "none";
  const next = NEXT_ORDER[standing];
  const wanted = { none: "", ascending: field, descending: `-${field}` }[next];
  return html`<th scope="col" class=${kind} aria-sort=${standing}><button type="button" class="sort" @click=${() => order(wanted)}>${label}
    <span aria-hidden="true">${{ none: "↕", ascending: "↑", descending: "↓" }[standing]}</span></button></th>`;
}

function row(one) {
  const standing = one.outcome || one.status;
  const labels = Object.entries(one.labels ?? {});
  return html`<tr>
    <td>${one.jobId && one.finishedAt ? html`<a href=${`#job/${one.jobId}`}>${one.name || one.index + 1}</a>` : one.name || one.index + 1}
      ${labels.length ? html`<span class="labels">${labels.map(([name, value]) => html`<span>${name}: ${value}</span>`)}</span>` : nothing}</td>
    <td><code>${one.endpoint}</code></td>
    <td>${mark(standing in { passed: 1, warning: 1, failed: 1 } ? standing : standing === "running" ? "live" : "to-come")} ${say(`outcome${standing}`)}</td>
    <td>${one.errorMsg || (one.cause ? html`<code>${one.cause}</code>` : "")}</td>
    <td class="number">${one.tookMs === null ? "" : shownMs(one.tookMs)}</td></tr>`;
}
