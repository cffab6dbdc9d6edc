/** START HERE: the frame of the page, and the choice of the view in it. */

import { html, nothing, render } from "./vendor/lit-html.js";
import * as bulk from "./bulk/view.js";
import * as changes from "./changes.js";
import { historyView } from "./history.js";
import * as reference from "./reference.js";
import { ask, isSignedIn, Problem, PRODUCTS, signIn } from "./service.js";
import * as test from "./test.js";
import { choose, language, say } from "./words.js";

const VIEWS = {
  test: { label: "tabTest", view: test.testView },
  bulk: { label: "tabBulk", view: bulk.bulkView },
  history: { label: "tabHistory", view: () => historyView(draw) },
  reference: { label: "tabReference", view: reference.referenceView, load: () => reference.load(draw) },
  changes: { label: "tabChanges", view: changes.changesView, load: () => changes.load(draw) },
};
const TAB_OF = { job: "test", comparison: "test", batch: "bulk" };
const signing = { text: "", problem: "" };

const place = () => {
  const [, name, id = ""] = /^#?([^/]*)\/?(.*)$/.exec(location.hash);
  return { name, id, tab: TAB_OF[name] ?? (name in VIEWS ? name : "test") };
};
const addressOf = (tab) => (tab === "test" ? test.address() : `#${tab}`);

function draw() {
  const { tab } = place();
  document.documentElement.lang = language();
  render(html`
    <a class="skip" href="#content" @click=${skip}>${say("skip")}</a>
    <header class="top"><div>
      <p class="wordmark"><img src="/page/icon.svg" alt="" width="24" height="24">conncheck<span>${say("tagline")}</span></p>
      <nav aria-label=${say("main")}>${Object.entries(VIEWS).map(([name, { label }]) => html`
        <a href=${addressOf(name)} aria-current=${name === tab ? "page" : nothing}>${say(label)}</a>`)}</nav>
      ${isSignedIn() ? html`<button type="button" class="quiet" @click=${() => leave()}>${say("signOut")}</button>` : nothing}
      <button type="button" class="quiet" lang=${language() === "en" ? "zh-CN" : "en"} @click=${otherLanguage}>${say("languageName")}</button>
    </div></header>
    <main id="content" tabindex="-1"><h1 class="hidden">${say(VIEWS[tab].label)}</h1>
      ${isSignedIn() || VIEWS[tab].load ? nothing : signInView()}${VIEWS[tab].view()}</main>`,
  document.getElementById("page"));
}

function signInView() {
  return html`<form class="card sign-in" @submit=${enter}>
    <p class="field ${signing.problem ? "wrong" : ""}"><label for="token">${say("token")}</label>
      <input id="token" type="password" name="token" autocomplete="off" required aria-describedby="about-token"
        aria-invalid=${signing.problem ? "true" : nothing} .value=${signing.text} @input=${(event) => { signing.text = event.target.value; }}>
      <small id="about-token">${signing.problem || say("tokenHint").replaceAll("`", "")}</small></p>
    <button class="primary">${say("signIn")}</button></form>`;
}

async function enter(event) {
  event.preventDefault();
  signIn(signing.text);
  try {
    await ask(PRODUCTS);
    Object.assign(signing, { text: "", problem: "" });
    await test.load();
    show();
  } catch (error) {
    signIn("");
    signing.problem = error instanceof Problem && error.status === 401 ? say("tokenWrong") : error.message;
  }
  draw();
}

function leave() {
  signIn("");
  location.assign(location.pathname); // what was shown belongs to the token
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

async function otherLanguage() {
  choose(language() === "en" ? "zh-CN" : "en");
  draw();
  await Promise.all([test.reload(), bulk.reload()]);
}

/** Show what the page's address names. */
function show() {
  const { name, id, tab } = place();
  if (isSignedIn() && test.isResult(name) && id) test.open(name, id);
  if (tab === "test" && !test.isResult(name)) test.close();
  if (isSignedIn() && name === "batch" && id) bulk.open(id);
  VIEWS[tab].load?.();
  draw();
}

for (const view of [test, bulk]) view.onChange(draw);
addEventListener("hashchange", show);
show();
test.load();
