/** A job while it runs and at its end: the headline, the advice and the steps. */

import { html, nothing } from "./vendor/lit-html.js";
import { copy, save } from "./finding.js";
import { mark, waterfall } from "./waterfall.js";
import { labelled, say, shownMs } from "./words.js";

/** Apply an event to the job. */
export function hear(job, event, data) {
  if (event === "queued") Object.assign(job, { stepsToCome: data.steps, endpoint: data.endpoint });
  if (event === "started") Object.assign(job, { status: "running", items: [] });
  if (event === "step_started") Object.assign(job, { status: "running", liveStep: data.step });
  if (event === "step_ended") {
    job.items = [...job.items, data];
    job.stepsToCome = job.stepsToCome.filter((step) => step !== data.name);
    job.liveStep = "";
  }
  if (event === "step_noted") job.items = job.items.map((item) => (item.name === data.name ? data : item));
  if (event === "closed") Object.assign(job, data, { liveStep: "" });
}

export function outcomeOf(job) {
  if (job.status !== "finished") return job.status;
  if (!job.success) return "failed";
  return job.items.some((item) => item.outcome === "warning") ? "warning" : "passed";
}

/** `site` is what people call the site that tests, if that is to be told. */
export function jobView(job, site) {
  const outcome = outcomeOf(job);
  const isOver = Boolean(job.finishedAt);
  const failed = job.items.find((item) => item.outcome === "failed");
  const titles = {
    passed: say("passed"), warning: say("warned"), failed: labelled(failed?.summary || say("failed", failed?.name ?? "")),
    running: say("running", job.endpoint), queued: say("queued"),
    cancelled: say("cancelled"), expired: say("expired"), lost: say("lost"),
  };
  const took = job.items.reduce((sum, item) => sum + item.tookMs, 0);
  return html`<article class="job ${outcome}">
    <header>
      ${mark(isOver ? (outcome in { passed: 1, warning: 1 } ? outcome : "failed") : "live")}
      <div><h2>${titles[outcome]}</h2>
        <p class="about"><code>${job.endpoint}</code>
          ${site ? html`<span>${say("fromSite", site)}</span>` : nothing}
          ${isOver ? html`<span>${say("took", shownMs(took))}</span>` : nothing}
          ${isOver && job.queueMs ? html`<span>${say("waited", shownMs(job.queueMs))}</span>` : nothing}
          ${job.jobId.startsWith("mock-") ? html`<span class="tag">${say("mockNote")}</span>` : nothing}</p></div>
    </header>
    ${isOver && job.recommendation ? html`<p class="recommendation">${labelled(job.recommendation)}</p>` : nothing}
    ${waterfall(job)}
    ${isOver ? html`<p class="actions">
      <button type="button" class="quiet" @click=${(event) => copy(new URL(`#job/${job.jobId}`, location.href).href, event.target)}>${say("copyLink")}</button>
      <button type="button" class="quiet" @click=${() => save(`conncheck-${job.jobId}.json`, "application/json", JSON.stringify(job, null, 1))}>${say("download")}</button>
    </p>` : nothing}
  </article>`;
}
