/** The calls that send files: the look at them, the test, and the rows with errors. */

import { call, Problem, TESTS } from "../service.js";
import { say } from "../words.js";

export const BATCHES = `${TESTS}/batches`;
export const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/** Files that may go together, such as clouds.yaml and secure.yaml. */
export const MOST_FILES = 4;
/** The encodings that a visitor can choose, by their names at IANA. */
export const ENCODINGS = [
  "UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "GB18030", "Big5", "Shift_JIS", "EUC-JP", "EUC-KR",
  "windows-1252", "windows-1250", "windows-1251", "ISO-8859-15", "IBM850",
];

// The service recognizes a file by its content; its name only decides where both would fit.
const TYPES = {
  csv: "text/csv", tsv: "text/tab-separated-values", ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson", json: "application/json", xlsx: XLSX,
};

/** What a visitor says about the files; nothing of it is kept. */
export const noWishes = () => ({ sheet: "", productType: "", encoding: "", columns: {} });

function typed(file, encoding) {
  const type = TYPES[file.name.split(".").pop().toLowerCase()] ?? "application/octet-stream";
  return new File([file], file.name, { type: encoding ? `${type};charset=${encoding}` : type });
}

/** Thrown when a file was changed after it was chosen: the browser sends no other content for it. */
export class ChangedFile extends Error {}

/** Send `files` with their `wishes`; `query` and `options` belong to the call. */
async function send(files, wishes, query = {}, options = {}) {
  const form = new FormData();
  if (Object.keys(wishes.columns).length) {
    form.append("mapping", new Blob([JSON.stringify(wishes.columns)], { type: "application/json" }));
  }
  for (const file of files) form.append("file", typed(file, wishes.encoding));
  const told = Object.entries({ ...query, sheet: wishes.sheet, productType: wishes.productType });
  const asked = new URLSearchParams(told.filter(([, value]) => value));
  try {
    return await call(`${BATCHES}${asked.size ? `?${asked}` : ""}`, { method: "POST", body: form, ...options });
  } catch (error) {
    if (!(error instanceof Problem) && !await areReadable(files)) throw new ChangedFile(say("fileChanged"));
    throw error;
  }
}

/** Return what would be tested; nothing is. */
export const dryRun = async (files, wishes, signal) =>
  (await send(files, wishes, { dryRun: "true" }, { signal })).json();

/** Start the tests; return the batch as it was accepted. */
export const start = async (files, wishes) => (await send(files, wishes)).json();

/** Return the rows that can't be tested as a file of the type `accept`: its content, and how many it has. */
export async function badRows(files, wishes, accept) {
  const response = await send(files, wishes, { dryRun: "true" }, { headers: { Accept: accept } });
  return { content: await response.blob(), rows: Number(response.headers.get("Conncheck-Rows")) };
}

/** Return a file to fill in, "csv" or "xlsx". */
export const template = async (format) => (await call(`${BATCHES}/template.${format}`)).blob();

async function areReadable(files) {
  try {
    await Promise.all(files.map((file) => file.slice(0, 1).arrayBuffer()));
    return true;
  } catch {
    return false;
  }
}
