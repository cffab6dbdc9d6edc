/** The part of the form that says which sites are compared. */

import { html, nothing } from "../vendor/lit-html.js";
import { say } from "../words.js";

export const EVERY_SITE = "*";

/** Return the sites to compare in the order in which the service lists them, which it trusts most first. */
export function chosen(form, sites) {
  const names = sites.map((one) => one.name).filter((name) => !form.leftOut.includes(name));
  return names.length === sites.length ? [EVERY_SITE] : names;
}

export function comparisonChoice({ form, sites, product, wrong, set }) {
  const toggle = (name) => (event) => set("leftOut", event.target.checked
    ? form.leftOut.filter((one) => one !== name) : [...form.leftOut, name]);
  return html`<details class="options" ?open=${Boolean(wrong.sites)}><summary>${say("sitesToCompare")}</summary>
    <fieldset class="sites ${wrong.sites ? "wrong" : ""}"><legend class="hidden">${say("sitesToCompare")}</legend>
      ${sites.map((one) => html`<label class="check"><input type="checkbox" name="sites" value=${one.name}
        .checked=${!form.leftOut.includes(one.name)} @change=${toggle(one.name)}><span>${one.title === one.name ? one.name : `${one.title} (${one.name})`}</span></label>`)}
      ${wrong.sites ? html`<small>${wrong.sites}</small>` : nothing}</fieldset>
    ${product?.needsKeyPair === false ? nothing : html`<label class="check"><input type="checkbox" name="signInAll"
      .checked=${form.signInAll} @change=${(event) => set("signInAll", event.target.checked)}><span>${say("signInAll")}</span></label>`}
  </details>`;
}
