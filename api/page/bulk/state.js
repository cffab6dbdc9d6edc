/** What all parts of the bulk view share: what has just failed, and how to draw again. */

import { Problem } from "../service.js";
import { say } from "../words.js";
import { ChangedFile } from "./upload.js";

export const told = { problem: "", rows: [], busy: "" };
let draw = () => {};

/** Call `redraw` whenever there is something new to show. */
export const onChange = (redraw) => { draw = redraw; };
export const redraw = () => draw();

/** Forget what failed before. */
export const calm = () => Object.assign(told, { problem: "", rows: [] });

/** Show why a call failed. */
export function explain(error) {
  told.problem = error instanceof Problem || error instanceof ChangedFile ? error.message : say("unreachable");
  told.rows = (error.fields ?? []).filter((one) => one.reason !== told.problem);
}

/** Do `work`; what fails in it is shown. */
export async function trying(work) {
  calm();
  draw();
  try {
    await work();
  } catch (error) {
    explain(error);
  } finally {
    told.busy = "";
    draw();
  }
}
