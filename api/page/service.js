/** The page's calls of the API. The token is kept until the tab is closed, for this tab alone. */

import { language, say } from "./words.js";

export const TESTS = "/api/v1/platforms/test-connection";
export const PRODUCTS = "/api/v1/product-types";
export const SITES = "/api/v1/sites";
export const INSPECT = "/api/v1/platforms/inspect-certificate";
const COMES_BACK_MS = 1000;

const KEPT_AS = "conncheck.token";

let token = sessionStorage.getItem(KEPT_AS) ?? "";

/** Sign in with a token; an empty one signs out. */
export function signIn(given) {
  token = given.trim();
  if (token) sessionStorage.setItem(KEPT_AS, token);
  else sessionStorage.removeItem(KEPT_AS);
}

export const isSignedIn = () => token !== "";

// What this status means to a visitor of the page, who sends no headers.
const SAID = { 401: "signInFirst" };

/** An error that the API reports as an RFC 9457 problem. */
export class Problem extends Error {
  constructor(status, content) {
    super(status in SAID ? say(SAID[status]) : content.detail || `HTTP ${status}`);
    this.status = status;
    this.fields = content.errors || [];
    this.read = content.read; // of an upload, where its columns could be told
  }
}

/** Return the response to a call; throw a Problem unless its status is 2xx. */
export async function call(path, { method = "GET", body, type, headers = {}, signal } = {}) {
  const sent = { "Accept-Language": language(), ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (type) sent["Content-Type"] = type;
  const response = await fetch(path, {
    method, body, signal, headers: sent, cache: "no-store", credentials: "omit",
  });
  if (response.ok) return response;
  if (response.status === 401) signIn(""); // expired or revoked: the page asks for another one
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** Return the JSON response to a call, which sends `content` as JSON where it is given. */
export async function ask(path, { content, ...options } = {}) {
  const sent = content === undefined
    ? options
    : { method: "POST", ...options, body: JSON.stringify(content), type: "application/json" };
  return (await call(path, sent)).json();
}

/**
 * Yield the Server-Sent Events of a job or a batch, {id, event, data}, up to the event `last`.
 * A lost connection is resumed after the last event that was read.
 */
export async function* events(path, { last = "closed", signal } = {}) {
  let lastId = "";
  while (!signal?.aborted) {
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : {};
      const response = await call(`${path}/events`, { headers, signal });
      for await (const one of parsed(response.body)) {
        lastId = one.id || lastId;
        yield one;
        if (one.event === last) return;
      }
    } catch (error) {
      if (error instanceof Problem || signal?.aborted) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, COMES_BACK_MS); });
  }
}

/** Yield the events in a stream of bytes (WHATWG HTML, 9.2.6). */
export async function* parsed(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const one = { id: "", event: "message", data: "" };
      for (const line of block.split(/\r?\n/)) {
        const [, name, text] = /^(\w+): ?(.*)$/.exec(line) || [];
        if (name in one) one[name] = text;
      }
      if (one.data) yield { ...one, data: JSON.parse(one.data) };
    }
  }
}
