/** The API as this page calls it. The token lives in this module's memory and nowhere else. */

import { language } from "./words.js";

export const TESTS = "/api/v1/platforms/test-connection";
export const PRODUCTS = "/api/v1/product-types";
export const INSPECT = "/api/v1/platforms/inspect-certificate";
const COMES_BACK_MS = 1000;

let token = "";

export const signIn = (given) => { token = given.trim(); };
export const isSignedIn = () => token !== "";

/** An answer of the API that is an RFC 9457 problem. */
export class Problem extends Error {
  constructor(status, content) {
    super(content.detail || `HTTP ${status}`);
    this.status = status;
    this.fields = content.errors || [];
  }
}

/** Return the response to a call; throws a Problem where it is none of 2xx. */
export async function call(path, { method = "GET", body, type, headers = {}, signal } = {}) {
  const sent = { "Accept-Language": language(), ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (type) sent["Content-Type"] = type;
  const response = await fetch(path, {
    method, body, signal, headers: sent, cache: "no-store", credentials: "omit",
  });
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** Return the JSON answer to a call with a JSON body, if one is given. */
export async function ask(path, { content, ...options } = {}) {
  const sent = content === undefined
    ? options
    : { method: "POST", ...options, body: JSON.stringify(content), type: "application/json" };
  return (await call(path, sent)).json();
}

/**
 * Give the Server-Sent Events of a job or a batch, {id, event, data}, until `last` was given.
 * Where the connection breaks off it is taken up again after the last one that was read.
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

/** Give the events of a stream of bytes (WHATWG HTML, 9.2.6). */
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
