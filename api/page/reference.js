/** The API reference, drawn from the service's own OpenAPI document. */

import { html, nothing } from "./vendor/lit-html.js";
import { ask } from "./service.js";
import { say } from "./words.js";

let described = null;

export async function load(redraw) {
  described ??= await ask("/openapi.json");
  redraw();
}

export function referenceView() {
  if (!described) return html`<p class="empty">${say("loading")}</p>`;
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  return html`<section class="reference"><h2>${say("referenceTitle")}</h2>
    <p class="about">${described.info.summary} · <a href="/openapi.json">openapi.json</a></p>
    ${operations.map(operationView)}</section>`;
}

function operationView({ path, method, operation }) {
  const content = operation.requestBody?.content?.["application/json"];
  return html`<details class="card operation"><summary><span class="method ${method}">${method.toUpperCase()}</span>
      <code>${path}</code><span class="about">${operation.summary}</span></summary>
    <p>${operation.description}</p>
    ${operation.parameters?.length ? fields(operation.parameters.map((one) => ({
      name: one.name, schema: one.schema, required: one.required, meaning: one.description || one.in }))) : nothing}
    ${content ? html`<h3>${say("request")}</h3>${schemaView(content.schema)}` : nothing}
    <h3>${say("answers")}</h3>
    <dl class="evidence">${Object.entries(operation.responses).map(([status, one]) => html`<div><dt>${status}</dt><dd>${one.description}</dd></div>`)}</dl>
    ${schemaView(operation.responses[200]?.content?.["application/json"]?.schema ?? operation.responses[202]?.content?.["application/json"]?.schema)}
  </details>`;
}

function schemaView(schema) {
  const { properties, required = [] } = resolved(schema);
  if (!properties) return nothing;
  return fields(Object.entries(properties).map(([name, one]) => ({
    name, schema: one, required: required.includes(name), meaning: resolved(one).description || one.description })));
}

function fields(rows) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${say("field")}><table>
    <thead><tr><th scope="col">${say("field")}</th><th scope="col">${say("type")}</th><th scope="col">${say("meaning")}</th></tr></thead>
    <tbody>${rows.map(({ name, schema, required, meaning }) => html`<tr><td><code>${name}</code>${required ? html` <small>${say("required")}</small>` : nothing}</td>
      <td>${typeOf(schema)}</td><td>${meaning}</td></tr>`)}</tbody></table></div>`;
}

function resolved(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? described.components.schemas[name] : schema ?? {};
}

function typeOf(schema) {
  const one = resolved(schema);
  if (one.anyOf) return one.anyOf.map(typeOf).filter((text) => text !== "null").join(", ");
  if (one.enum) return one.enum.join(", ");
  if (one.const) return String(one.const);
  return one.type === "array" ? `${typeOf(one.items)}[]` : one.format || one.type || "";
}
