// Pushes the result of a mediation through the mediation-bridge, retries, and tells what came of it.
//
// Copy this file into your service and call `push`, or run it:
//
//     node push.mjs BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]
//
// It prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not
// executed (proven for every try), 3 unknown, 64 wrong command line. A run that printed no line was cut short: nobody
// knows whether it pushed. Node.js 20, no packages.

import { randomUUID } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

// The push may have arrived, and what answered, if anything, was not the bridge.
const NO_ANSWER = { outcome: "unknown", code: "no_answer", retryable: true };
// There was no connection, so nothing of the push was sent.
const NOT_SENT = { outcome: "not_executed", code: "no_answer", retryable: true };
const LONGEST_WAIT = 60;

/**
 * Pushes `body`, JSON as bytes, until its outcome is certain, a retry is useless or `giveUp` seconds are over. Resolves
 * to `{ outcome, tries, code, doubt }`: outcome `accepted`, `rejected`, `not_executed` or `unknown`; code of the last
 * try: `accepted`, the code of the bridge's problem, or `no_answer`.
 *
 * `timeout` is for one try. It should exceed the bridge's BRIDGE_DEADLINE (10 s), or the bridge's own answer is often
 * missed; then more pushes come to `unknown`, but no conclusion becomes wrong. The last try may end after `giveUp`.
 *
 * With `doubt`, `accepted` may stand for two executions, and `rejected` may mean that an earlier try was executed: TOP
 * also refuses what it calls a duplicate or a closed case. Ask Jiaoyimao before you push other data. If an earlier run
 * with the same `key` came to `unknown`, `not_executed` speaks of this run only, and the push is still in doubt.
 */
export async function push(baseUrl, caseId, body, { token, key, timeout = 15, giveUp = 120 } = {}) {
  const end = performance.now() + giveUp * 1000;
  const url = new URL(`${baseUrl.replace(/\/+$/, "")}/mediations/${encodeURIComponent(caseId)}/result`);
  // One key for all tries: the bridge then never runs two of them at once, and repeats what TOP has decided.
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key ?? randomUUID() };
  if (token) headers.Authorization = `Bearer ${token}`;
  for (let tries = 1, doubt = false, pause = 1; ; tries++, pause = Math.min(2 * pause, LONGEST_WAIT)) {
    const { outcome, code, retryable, priorOutcome, retryAfter } = await attempt(url, headers, body, timeout);
    doubt ||= outcome === "unknown" || priorOutcome === "unknown";
    // Only TOP's decision ends a doubt. A later not_executed is about its own try, not about the others.
    if (outcome === "accepted" || outcome === "rejected") return { outcome, tries, code, doubt };
    // The jitter keeps callers that failed together from coming back together.
    const wait = 1000 * Math.min(retryAfter || pause * (0.5 + Math.random() / 2), LONGEST_WAIT);
    if (!retryable || performance.now() + wait > end) {
      return { outcome: doubt ? "unknown" : "not_executed", tries, code, doubt };
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** One try: what it says about the push, and the seconds that the answer asks to wait, where it names them. */
async function attempt(url, headers, body, timeout) {
  try {
    // The signal ends everything, the reading of the body too. A redirect is not followed but judged as an answer.
    const signal = AbortSignal.timeout(Math.ceil(timeout * 1000));
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    const answer = readAnswer(response.status, response.headers.get("Content-Type") ?? "", await response.text());
    const asked = response.headers.get("Retry-After") ?? "";
    return { ...answer, retryAfter: /^[0-9]{1,9}$/.test(asked) ? Number(asked) : 0 };
  } catch (error) {
    const reason = error.cause?.code ?? error.cause?.message ?? error.name;
    console.warn(`no answer: ${reason}`);
    return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes(reason) ? NOT_SENT : NO_ANSWER;
  }
}

/** Believes only the bridge. A proxy's page, a redirect or a bare status says nothing about the push. */
function readAnswer(status, contentType, text) {
  let fields;
  try {
    fields = JSON.parse(text);
  } catch {
    // No JSON: fields stays undefined.
  }
  const { outcome, code, retryable, prior_outcome: priorOutcome } = fields ?? {};
  if (status === 200 && outcome === "accepted") return { outcome, code: "accepted", retryable: false, priorOutcome };
  const mediaType = contentType.split(";")[0].trim().toLowerCase();
  const problem = status >= 400 && mediaType === "application/problem+json" && typeof code === "string";
  if (problem && ["rejected", "not_executed", "unknown"].includes(outcome)) {
    return { outcome, code, retryable: retryable === true, priorOutcome };
  }
  console.warn(`no answer of the bridge: status ${status}`);
  return NO_ANSWER;
}

function readCommandLine() {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { token: text, key: text, timeout: { ...text, default: "15" }, "give-up": { ...text, default: "120" } },
  });
  const check = (valid, what) => {
    if (!valid) throw new Error(what);
  };
  check(positionals.length === 3, "BASE_URL, CASE_ID and JSON_FILE are required");
  const [baseUrl, caseId, file] = positionals;
  check(/^https?:\/\/[!-~]+$/.test(baseUrl) && URL.canParse(baseUrl), "BASE_URL is no http or https URL");
  check(caseId !== "", "CASE_ID is empty");
  check(/^[!-~]+$/.test(values.token ?? "-"), "--token takes visible ASCII characters");
  check(/^[!-~]{1,255}$/.test(values.key ?? "-"), "--key takes 1 to 255 visible ASCII characters");
  check(/^(?=.*[1-9])\d{1,6}(\.\d+)?$/.test(values.timeout), "--timeout takes a number of seconds, more than 0");
  check(/^\d{1,6}(\.\d+)?$/.test(values["give-up"]), "--give-up takes a number of seconds");
  const options = { ...values, timeout: Number(values.timeout), giveUp: Number(values["give-up"]) };
  return [baseUrl, caseId, readFileSync(file), options];
}

async function main() {
  let given;
  try {
    given = readCommandLine();
  } catch (error) {
    const options = "[--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]";
    console.error(`usage: push.mjs BASE_URL CASE_ID JSON_FILE ${options}\n${error.message}`);
    process.exit(64);
  }
  const { outcome, tries, code } = await push(...given);
  const status = ["accepted", "rejected", "not_executed", "unknown"].indexOf(outcome);
  // Exits at once: a connection attempt that was given up must not keep the process alive.
  process.stdout.write(`${JSON.stringify({ outcome, tries, code })}\n`, () => process.exit(status));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
