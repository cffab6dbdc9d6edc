/** Where a visitor drops or chooses a file. */

import { html } from "../vendor/lit-html.js";
import { save } from "../finding.js";
import { say } from "../words.js";
import { redraw, trying } from "./state.js";
import { template } from "./upload.js";

// Files without an ending, such as `credentials`, can be dropped, and chosen among all files.
const ACCEPTED = ".csv,.tsv,.tab,.txt,.xlsx,.xlsm,.ods,.json,.ndjson,.jsonl,.yaml,.yml,.conf,.ini,.cfg,.config";
let isOver = false;

const download = (format) => trying(async () => {
  save(`conncheck-template.${format}`, "application/octet-stream", await template(format));
});

/** Show `content`, on all of which files can be dropped; `choose(files)` receives them. */
export function droppable(choose, content) {
  const over = (is) => (event) => { event.preventDefault(); isOver = is; redraw(); };
  const drop = (event) => {
    event.preventDefault();
    isOver = false;
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files);
  };
  return html`<div class="stack ${isOver ? "over" : ""}" @dragover=${over(true)} @dragleave=${over(false)} @drop=${drop}>${content}</div>`;
}

/** `choose(files)` receives what was chosen. */
export function dropZone(choose) {
  return html`<section class="card drop">
    <h2>${say("dropTitle")}</h2>
    <p>${say("dropText")}</p>
    <p class="about">${say("dropFormats")}</p>
    <p class="actions">${fileButton(choose, "primary")}</p>
    <p class="about">${say("dropTemplate")}
      <button type="button" class="quiet" @click=${() => download("csv")}>${say("template", "CSV")}</button>
      <button type="button" class="quiet" @click=${() => download("xlsx")}>${say("template", "Excel")}</button></p>
  </section>`;
}

/** A button that opens the browser's choice of files. */
export function fileButton(choose, kind = "", label = say("chooseFile")) {
  const chosen = (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // the same file can be chosen again after it was mended
    if (files.length) choose(files);
  };
  return html`<label class="button ${kind}">${label}
    <input type="file" class="hidden" multiple accept=${ACCEPTED} @change=${chosen}></label>`;
}
