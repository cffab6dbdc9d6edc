/** The look at a file before anything is tested: it asks what was read, and starts the tests. */

import { save } from "../finding.js";
import { say } from "../words.js";
import { viewOf } from "./dry_run_view.js";
import { calm, explain, redraw, told, trying } from "./state.js";
import { badRows, dryRun, MOST_FILES, noWishes, start, XLSX } from "./upload.js";

// A key that walks through a list of choices changes it at each step.
const SETTLES_MS = 250;

const none = () => ({ files: [], wishes: noWishes(), seen: null, isLooking: false, isStale: false, hasFailed: false, downloaded: 0, stopping: null, timer: 0 });
const state = none();

export const isChosen = () => state.files.length > 0;

/** Look at `files`, which take the place of those before. */
export function choose(files) {
  forget();
  calm();
  if (files.length > MOST_FILES) told.problem = say("tooManyFiles", MOST_FILES);
  else state.files = [...files];
  return look();
}

/** Forget the files, and what was read of them. */
export function forget() {
  state.stopping?.abort();
  clearTimeout(state.timer);
  Object.assign(state, none());
}

/** Look again, for instance in another language. */
export async function look() {
  redraw();
  if (!isChosen()) return;
  state.stopping?.abort();
  const stopping = new AbortController();
  Object.assign(state, { stopping, isLooking: true });
  redraw();
  try {
    state.seen = await dryRun(state.files, state.wishes, stopping.signal);
    Object.assign(state, { isStale: false, hasFailed: false, downloaded: 0 });
    calm();
  } catch (error) {
    if (stopping.signal.aborted) return;
    explain(error);
    if (error.read && (error.read.columns.length || !state.seen)) {
      state.seen = { accepted: 0, rejected: 0, errors: [], first: [], read: error.read };
    }
    Object.assign(state, { isStale: true, hasFailed: true });
  }
  state.isLooking = false;
  redraw();
}

/** Look again after the visitor has said more about the files. */
function wish(more) {
  Object.assign(state.wishes, more);
  Object.assign(state, { isStale: true });
  clearTimeout(state.timer);
  state.timer = setTimeout(look, SETTLES_MS);
  redraw();
}

const test = () => trying(async () => {
  told.busy = state.files[0].name;
  redraw();
  const { batchId } = await start(state.files, state.wishes);
  forget();
  location.hash = `#batch/${batchId}`;
});

const download = () => trying(async () => {
  const [file] = state.files;
  const isWorkbook = Boolean(state.seen.read.sheet);
  const stem = file.name.replace(/\.[^.]*$/, "");
  const { content, rows } = await badRows(state.files, state.wishes, isWorkbook ? XLSX : "text/csv");
  state.downloaded = rows;
  save(`${stem}-errors.${isWorkbook ? "xlsx" : "csv"}`, "application/octet-stream", content);
});

export const lookView = () => viewOf(state, { choose, wish, test, download });
