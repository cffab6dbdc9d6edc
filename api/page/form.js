/** The form of a test: the fields that a product needs, and which of them are wrong. */

import { html, nothing } from "./vendor/lit-html.js";
import { comparisonChoice } from "./comparison/choice.js";
import { say } from "./words.js";

// The documented call's own examples.
export const EXAMPLE = {
  productType: "zstack", endpoint: "192.168.1.100:8080",
  accessKey: "AKID1234567890", secretKey: "secret-value-xyz",
};

/** Return the request body for the form's content; empty options are left out. */
export function requestOf(form, product) {
  const { productType, endpoint, accessKey, secretKey } = form;
  const tls = { ...(form.verify ? {} : { verify: false }), ...given("caCertificate", form.ca), ...given("fingerprintSha256", form.fingerprint) };
  const own = Object.entries(form.own).filter(([name, text]) => text && name in ownOptions(product));
  const expect = Object.entries(form.expect).filter(([part, text]) => text && part in toldBy(product));
  const options = {
    ...given("site", form.site),
    ...(form.timeout ? { timeoutSeconds: Number(form.timeout) } : {}),
    ...(form.force ? { force: true } : {}),
    ...(Object.keys(tls).length ? { tls } : {}),
    ...(expect.length ? { expect: Object.fromEntries(expect) } : {}),
    ...(form.mock ? { mock: form.mock } : {}),
    ...Object.fromEntries(own),
  };
  const pair = product?.needsKeyPair === false ? {} : { accessKey, secretKey };
  return {
    productType, endpoint, ...pair,
    ...(Object.keys(options).length ? { options } : {}),
  };
}

const given = (name, text) => (text ? { [name]: text } : {});

/** Return the product's own options by their names. */
export const ownOptions = (product) => product?.options?.properties ?? {};

/** Return the parts of an identity that the product tells, with what each is. */
const toldBy = (product) => product?.identity ?? {};

/** Return [value, label] of each value that an option may have, the default first; nothing if it is free. */
function choicesOf(schema) {
  const values = (schema.anyOf ?? [schema]).flatMap((one) => one.enum ?? []);
  if (!values.length) return null;
  const unset = schema.default ? say("byDefault", schema.default) : say("notSet");
  return [["", unset], ...values.map((value) => [value, value])];
}

/** Return a site as people call it, with the name that results, commands and requests have. */
const named = ({ name, title }) => (title === name ? name : `${title} (${name})`);

/** Return [value, label] of each site; the first leaves the choice to the rules of the service. */
function choicesOfSites(sites) {
  const labels = sites.map((site) => [site.name, site.workers.interactive ? named(site) : say("siteWithoutWorker", named(site))]);
  return [["", say("siteByRule")], ...labels];
}

/** `wrong` maps fields to what is wrong with them; `set(name, value)` receives what is typed. */
export function formView({ form, products, sites, causes, wrong, busy, set, send, stop, inspect, compare }) {
  const product = products.find((one) => one.productType === form.productType);
  return html`<form class="card form" @submit=${(event) => { event.preventDefault(); send(); }}>
    <p class="field"><label for="productType">${say("product")}</label>
      <select id="productType" name="productType" .value=${form.productType} @change=${(event) => set("productType", event.target.value)}>
        ${products.map((one) => html`<option value=${one.productType} ?selected=${one.productType === form.productType}>${one.title}</option>`)}
      </select></p>
    ${field({ name: "endpoint", label: say("endpoint"), hint: endpointHint(product), form, wrong, set, required: true })}
    ${product && !product.needsKeyPair ? nothing : html`
      ${field({ name: "accessKey", label: say("accessKey"), hint: product?.accessKey, form, wrong, set })}
      ${field({ name: "secretKey", label: say("secretKey"), hint: product?.secretKey, form, wrong, set, type: "password" })}`}
    ${sites.length < 2 ? nothing
      : field({ name: "site", wire: "options.site", label: say("site"), choices: choicesOfSites(sites), form, wrong, set })}
    ${sites.length < 2 ? nothing : comparisonChoice({ form, sites, product, wrong, set })}
    <details class="options" ?open=${Object.keys(wrong).some((name) => name.startsWith("options") && name !== "options.site")}>
      <summary>${say("options")}</summary>
      ${field({ name: "timeout", wire: "options.timeoutSeconds", label: say("timeout"), form, wrong, set, type: "number" })}
      ${check("verify", say("verify"), form, set)}
      ${field({ name: "fingerprint", wire: "options.tls.fingerprintSha256", label: say("fingerprint"), form, wrong, set })}
      <p class="field"><label for="ca">${say("ca")}</label>
        <textarea id="ca" name="ca" rows="2" spellcheck="false" .value=${form.ca} @input=${(event) => set("ca", event.target.value)}></textarea></p>
      ${check("force", say("force"), form, set)}
      ${Object.entries(toldBy(product)).map(([part, means]) => field({
        name: part, wire: `options.expect.${part}`, label: say(`expected${part}`), hint: means,
        form: form.expect, wrong, set: (key, value) => set("expect", { ...form.expect, [key]: value }),
      }))}
      ${Object.entries(ownOptions(product)).map(([name, schema]) => field({
        name, wire: `options.${name}`, label: schema.title || name, hint: schema.description, choices: choicesOf(schema),
        type: schema.format === "password" || schema.anyOf?.some((one) => one.format === "password") ? "password" : "text",
        form: form.own, wrong, set: (key, value) => set("own", { ...form.own, [key]: value }),
      }))}
    </details>
    <p class="field"><label for="mock">${say("answer")}</label>
      <select id="mock" name="mock" .value=${form.mock} @change=${(event) => set("mock", event.target.value)}>
        <option value="">${say("answerReal")}</option>
        ${["healthy", ...causes].map((name) => html`<option value=${name} ?selected=${name === form.mock}>${say("answerMock", name)}</option>`)}
      </select></p>
    <p class="actions">
      <button class="primary" ?disabled=${busy}>${busy ? say("testing") : say("test")}</button>
      ${busy ? html`<button type="button" @click=${stop}>${say("cancel")}</button>`
        : html`${sites.length < 2 || form.mock ? nothing : html`<button type="button" @click=${compare}>${say("compare")}</button>`}
          <button type="button" @click=${inspect}>${say("inspect")}</button>`}
    </p>
  </form>`;
}

function endpointHint(product) {
  if (product && !product.steps.includes("http_response")) return say("portHint", product.example.endpoint);
  return product ? say("endpointHint", product.example.endpoint, product.defaultScheme, product.ports.join(", ")) : "";
}

function field({ name, wire = name, label, hint = "", form, wrong, set, type = "text", required = false, choices = null }) {
  const reason = wrong[wire];
  return html`<p class="field ${reason ? "wrong" : ""}"><label for=${name}>${label}</label>
    ${choices ? html`<select id=${name} name=${name} aria-invalid=${reason ? "true" : nothing}
      aria-describedby=${reason || hint ? `about-${name}` : nothing} @change=${(event) => set(name, event.target.value)}>
      ${choices.map(([value, shown]) => html`<option value=${value} ?selected=${value === (form[name] ?? "")}>${shown}</option>`)}
    </select>` : html`<input id=${name} name=${name} type=${type} .value=${form[name] ?? ""} ?required=${required} spellcheck="false"
      autocomplete=${type === "password" ? "new-password" : "off"} aria-invalid=${reason ? "true" : nothing}
      aria-describedby=${reason || hint ? `about-${name}` : nothing} @input=${(event) => set(name, event.target.value)}>`}
    ${reason || hint ? html`<small id=${`about-${name}`}>${reason || hint}</small>` : nothing}</p>`;
}

function check(name, label, form, set) {
  return html`<label class="check"><input type="checkbox" name=${name} .checked=${form[name]}
    @change=${(event) => set(name, event.target.checked)}><span>${label}</span></label>`;
}
