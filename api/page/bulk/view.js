/** The bulk view: a file is dropped, looked at and tested; then its batch is shown. */

import { html, nothing } from "../vendor/lit-html.js";
import { labelled, labelOf, say } from "../words.js";
import { batchView, isShown, refresh } from "./batch.js";
import { droppable, dropZone } from "./drop_zone.js";
import { choose, isChosen, look, lookView } from "./dry_run.js";
import { problemTable } from "./problems.js";
import { told } from "./state.js";

export { open } from "./batch.js";
export { onChange } from "./state.js";

/** Ask for the same texts again, in another language. */
export const reload = () => Promise.all([refresh(), look()]);

export function bulkView() {
  return html`${told.problem ? html`<p class="problem" role="alert">${told.problem}</p>` : nothing}
    ${told.rows.length ? html`<section class="card reasons"><h2>${say("reasons")}</h2>${reasons(told.rows)}</section>` : nothing}
    ${isShown() ? batchView() : droppable(choose, isChosen() ? lookView() : dropZone(choose))}`;
}

/** Rows of a file, or parameters of a call, and what is wrong with each. */
const reasons = (rows) => (rows[0].place
  ? problemTable([], rows, say("reasons"))
  : html`<ul class="also">${rows.map(({ field, reason }) => html`<li><code>${labelOf(field)}</code> ${labelled(reason)}</li>`)}</ul>`);
