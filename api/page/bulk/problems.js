/** The rows that can't be tested, and what may not be meant: where, why, and what would be valid. */

import { html } from "../vendor/lit-html.js";
import { labelled, labelOf, say } from "../words.js";

// [text of the head, what stands below it]; what no row has is not shown.
const PARTS = [
  ["row", (one) => one.place],
  ["column", (one, columns) => named(columns, one.column)],
  ["field", (one) => one.field && labelOf(one.field)],
  ["reason", (one) => labelled(one.reason)],
  ["validExample", (one) => one.example && html`<code>${one.example}</code>`],
];

/** `columns` are those that were read; they name the column of each problem. */
export function problemTable(columns, rows, label) {
  const shown = PARTS.filter(([, part]) => rows.some((one) => part(one, columns)));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="problems">
    <thead><tr>${shown.map(([name]) => html`<th scope="col">${say(name)}</th>`)}</tr></thead>
    <tbody>${rows.map((one) => html`<tr>${shown.map(([name, part]) => html`<td class=${`of-${name}`}>${part(one, columns) ?? ""}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** A header as people name the column: its number, and its text where it has one. */
const named = (columns, number) => {
  const header = columns.find((one) => one.number === number)?.header;
  return header ? html`${number}: <code>${header}</code>` : number ?? "";
};
