/** The columns of a file: what stands in them, and what each is taken for. */

import { html, nothing } from "../vendor/lit-html.js";
import { ownOptions } from "../form.js";
import { testState } from "../test.js";
import { labelOf, say } from "../words.js";

const SAMPLES = 2;
const LONGEST_LABEL = 64;
const PLATFORM = ["name", "ref", "productType", "endpoint", "host", "port", "scheme", "accessKey", "secretKey"];
const OPTIONS = [
  "options.timeoutSeconds", "options.force", "options.tls.verify", "options.tls.caCertificate",
  "options.tls.fingerprintSha256", "options.expect.account", "options.expect.tenant", "options.expect.user",
];

/** `set(columns)` receives the fields that the visitor has chosen, by what the service knows the columns by. */
export function columnsView({ read, first }, wishes, set) {
  return html`<section class="card"><h2>${say("columns")}</h2>
    <p class="about">${say("columnsText")}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${say("columns")}><table class="columns">
      <thead><tr><th scope="col">${say("column")}</th><th scope="col">${say("takenAs")}</th>
        <th scope="col">${say("firstValues")}</th><th scope="col">${say("note")}</th></tr></thead>
      <tbody>${read.columns.map((one) => columnRow(one, read, first, wishes, set))}</tbody></table></div>
  </section>`;
}

function columnRow(column, read, first, wishes, set) {
  const field = fieldOf(column, read, wishes);
  const values = first.map((row) => sampleOf(row.values, column.field)).filter(Boolean).slice(0, SAMPLES);
  const name = column.header || say("columnNumber", column.number);
  return html`<tr class=${field ? "" : "left-out"}>
    <th scope="row">${column.header ? html`<code>${column.header}</code>` : name}</th>
    <td><select aria-label=${say("takenAsOf", name)} @change=${(event) => set(chosen(column, event.target.value, read, wishes))}>
      ${choicesFor(column, field).map(([label, fields]) => (label
        ? html`<optgroup label=${label}>${fields.map((one) => option(one, field))}</optgroup>`
        : fields.map((one) => option(one, field))))}</select></td>
    <td class="samples">${field === column.field && values.length ? values.map((value) => html`<code>${value}</code>`) : nothing}</td>
    <td>${field === column.field ? column.note : ""}</td></tr>`;
}

/** Columns of a table may have the same header; members of JSON have no place. */
const keyOf = ({ number, header }, read) => (read.separator || read.sheet || !header ? String(number) : header);

function fieldOf(column, read, { columns }) {
  const key = keyOf(column, read); // a stranger may call it "constructor"
  return Object.hasOwn(columns, key) ? columns[key] : column.field;
}

/** The API tells what a row says, not each cell: host and port stand together in the endpoint. */
const sampleOf = (values, field) => values[field] ?? (field === "host" ? values.endpoint : undefined);

// One of these sets the endpoint.
const slotOf = (field) => (field === "host" ? "endpoint" : field);

/** Return the wishes with `field` for `column`; another column that set it is left out. */
function chosen(column, field, read, wishes) {
  const others = read.columns.filter((one) => field && one !== column && slotOf(fieldOf(one, read, wishes)) === slotOf(field));
  const leftOut = Object.fromEntries(others.map((one) => [keyOf(one, read), ""]));
  return { ...wishes.columns, ...leftOut, [keyOf(column, read)]: field };
}

/** Return [label, fields] of each group of choices. */
function choicesFor(column, field) {
  const own = labelFor(column);
  const options = [...OPTIONS, ...optionsOfProducts()];
  const known = ["", own, ...PLATFORM, ...options];
  return [
    ["", known.includes(field) ? [""] : ["", field]],
    [say("platform"), PLATFORM],
    [say("labels"), [own]],
    [say("options"), options],
  ];
}

/** Return the label that takes the column's own name, with the signs that a label may have. */
function labelFor({ header, number }) {
  const name = header.replace(/^label\./i, "").replace(/[^\p{L}\p{N} _.-]+/gu, "-").replace(/^[- ]+|[- ]+$/g, "");
  return `label.${name.slice(0, LONGEST_LABEL).trim() || `column-${number}`}`;
}

function optionsOfProducts() {
  const names = testState.products.flatMap((product) => Object.keys(ownOptions(product)));
  return [...new Set(names)].sort().map((name) => `options.${name}`);
}

const option = (field, chosenField) =>
  html`<option value=${field} .selected=${field === chosenField}>${shown(field)}</option>`;

/** A field as the form names it; a label by its own name. */
function shown(field) {
  if (!field) return say("leftOut");
  if (field.startsWith("label.")) return say("labelNamed", field.slice("label.".length));
  return labelOf(field);
}

/** The first rows of what is no table, such as a kubeconfig. */
export function firstRows(rows) {
  const found = new Set(rows.flatMap((row) => Object.keys(row.values)));
  const fields = [...PLATFORM.filter((one) => found.delete(one)), ...found];
  return html`<section class="card"><h2>${say("firstRows")}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label=${say("firstRows")}><table>
      <thead><tr><th scope="col">${say("row")}</th>${fields.map((one) => html`<th scope="col">${shown(one)}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr><td>${row.place}</td>
        ${fields.map((one) => html`<td>${row.values[one] ? html`<code>${row.values[one]}</code>` : ""}</td>`)}</tr>`)}</tbody></table></div>
  </section>`;
}
