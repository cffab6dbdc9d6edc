/** What a visitor sees of a file before its platforms are tested. */

import { html, nothing } from "../vendor/lit-html.js";
import { testState } from "../test.js";
import { say } from "../words.js";
import { columnsView, firstRows } from "./columns.js";
import { fileButton } from "./drop_zone.js";
import { problemTable } from "./problems.js";
import { told } from "./state.js";
import { ENCODINGS } from "./upload.js";

/** `look` is what is known of the files; `actions` are what the visitor can do with them. */
export function viewOf(look, { choose, wish, test, download }) {
  const { files, seen, isLooking, hasFailed, downloaded, wishes } = look;
  const verdict = hasFailed ? null : seen; // what is known of a file that was refused is in the reason
  return html`<section class="card look" aria-busy=${isLooking ? "true" : "false"}>
      <header class="title"><h2>${files.map((file) => file.name).join(" + ")}</h2></header>
      <p role="status">${isLooking && !verdict ? say("reading") : verdict?.read.text ?? ""}</p>
      ${choices(look, wish)}
      ${verdict ? counts(verdict) : nothing}
      <p class="actions">
        ${verdict ? html`<button type="button" class="primary" ?disabled=${!isReady(look)} @click=${test}>${
          told.busy ? say("uploading", told.busy) : say("testCount", verdict.accepted)}</button>` : nothing}
        ${verdict?.rejected ? html`<button type="button" ?disabled=${isLooking} @click=${download}>${say("badRows")}</button>` : nothing}
        ${fileButton(choose, "quiet", say("another"))}</p>
      ${downloaded && downloaded < verdict?.rejected ? html`<p class="about" role="status">${say("badRowsCut", downloaded, verdict.rejected)}</p>` : nothing}
    </section>
    ${seen?.read.columns.length ? columnsView(seen, wishes, (columns) => wish({ columns })) : nothing}
    ${seen?.first.length && !seen.read.columns.length ? firstRows(seen.first) : nothing}
    ${verdict?.errors.length ? errorsView(verdict) : nothing}
    ${verdict?.read.warnings.length ? warningsView(verdict.read) : nothing}`;
}

const isReady = ({ seen, isLooking, isStale }) => seen.accepted > 0 && !isLooking && !isStale && !told.busy;

/** What the visitor can say about the whole file. */
function choices({ files, seen, hasFailed, wishes }, wish) {
  const read = seen?.read;
  const isText = read ? Boolean(read.encoding) : !/\.(xls[xm]|ods)$/i.test(files[0].name);
  const found = !wishes.encoding && !hasFailed && read?.encoding;
  const shown = [
    read?.sheets.length > 1 && choice("sheet", say("sheet"), read.sheets.map((name) => [name, name]), wishes.sheet || read.sheet,
      (sheet) => wish({ sheet, columns: {} })),
    isText && choice("encoding", say("encoding"),
      [["", found ? say("detected", found) : say("detect")], ...ENCODINGS.map((name) => [name, name])], wishes.encoding,
      (encoding) => wish({ encoding })),
    read && lacksProducts(seen, wishes) && choice("productType", say("defaultProduct"),
      [["", say("notSet")], ...testState.products.map((one) => [one.productType, one.title])], wishes.productType,
      (productType) => wish({ productType })),
  ].filter(Boolean);
  return shown.length ? html`<div class="choices">${shown}</div>` : nothing;
}

/** Whether rows need the product that the visitor can choose for them. */
function lacksProducts({ read, errors }, wishes) {
  const isGiven = read.columns.some((one) => one.field === "productType");
  return Boolean(wishes.productType) || (read.columns.length > 0 && !isGiven)
    || errors.some((one) => one.field === "productType");
}

function choice(name, label, options, chosen, set) {
  return html`<p class="field"><label for=${`look-${name}`}>${label}</label>
    <select id=${`look-${name}`} @change=${(event) => set(event.target.value)}>
      ${options.map(([value, shown]) => html`<option value=${value} .selected=${value === chosen}>${shown}</option>`)}</select></p>`;
}

function counts(seen) {
  const toErrors = () => document.getElementById("look-errors").focus();
  return html`<ul class="counts verdict" aria-live="polite">
    <li class="count passed"><b>${seen.accepted}</b> ${say("willTest", seen.accepted)}</li>
    ${seen.rejected ? html`<li><button type="button" class="count failed" @click=${toErrors}><b>${seen.rejected}</b> ${
      say("willSkip", seen.rejected)}</button></li>` : nothing}</ul>`;
}

function errorsView({ read, errors, rejected }) {
  return html`<section class="card"><h2 id="look-errors" tabindex="-1">${say("reasons")}</h2>
    ${rejected > errors.length ? html`<p class="about">${say("firstOf", errors.length, rejected)}</p>` : nothing}
    ${problemTable(read.columns, errors, say("reasons"))}</section>`;
}

function warningsView(read) {
  return html`<details class="card notes"><summary>${say("notesOf", read.warningCount)}</summary>
    ${problemTable(read.columns, read.warnings, say("notesOf", read.warningCount))}</details>`;
}
