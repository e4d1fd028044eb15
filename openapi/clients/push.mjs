// Pushes the result of a mediation through the mediation-bridge, retries if this helps, and reports the outcome.
//
//     node push.mjs BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]
//
// Prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not
// executed (proven, over all tries), 3 unknown, 64 wrong command line. If the line is missing, the outcome is unknown.
// Copy this file into your service and call `push`. Node.js 20, no packages.

import { randomUUID } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]; // in the order of the exit codes
const NO_ANSWER = { outcome: "unknown", code: "no_answer", retryable: true };
const MAX_PAUSE = 60;

/**
 * Pushes `body`, JSON as bytes, until TOP decides, a retry is useless or `giveUp` seconds have passed. Resolves to the
 * outcome, the number of tries, and `accepted`, the code of the last problem, or `no_answer`.
 *
 * `timeout` limits each try. It should exceed the bridge's BRIDGE_DEADLINE (10 s): a shorter one misses answers, and
 * more pushes end as `unknown`. After several tries, `accepted` can stand for two executions, and `rejected` can be the
 * refusal of a duplicate. `not_executed` covers the tries of this call, not those of an earlier one.
 */
export async function push(baseUrl, caseId, body, { token, key = randomUUID(), timeout = 15, giveUp = 120 } = {}) {
  const end = performance.now() + giveUp * 1000;
  const url = new URL(`${baseUrl.replace(/\/+$/, "")}/mediations/${encodeURIComponent(caseId)}/result`);
  // One key for all tries: the bridge never runs two of them at once, and replays what TOP has decided.
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  if (!/^https?:$/.test(url.protocol)) throw new Error("the base URL is no http or https URL");
  if (!Object.values(headers).every((value) => /^[ -~]+$/.test(value))) {
    throw new Error("token and key must be visible ASCII characters");
  }
  for (let tries = 1, doubt = false, pause = 1; ; tries++, pause = Math.min(2 * pause, MAX_PAUSE)) {
    const { answer, retryAfter } = await attempt(url, headers, body, timeout);
    const { outcome, code } = answer;
    // Only TOP's decision ends a doubt: a later not_executed covers only its own try.
    doubt ||= outcome === "unknown" || "prior_outcome" in answer;
    if (outcome === "accepted" || outcome === "rejected") return { outcome, tries, code };
    // The jitter keeps callers that failed together from retrying together.
    const wait = 1000 * (retryAfter || pause * (0.5 + Math.random() / 2));
    if (answer.retryable !== true || performance.now() + wait > end) {
      return { outcome: doubt ? "unknown" : "not_executed", tries, code };
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** One try. Resolves to the bridge's answer, or NO_ANSWER, and the seconds of Retry-After, 0 without it. */
async function attempt(url, headers, body, timeout) {
  let retryAfter = 0;
  try {
    // The signal limits the whole try. A redirect is not followed: its target is not the bridge.
    const signal = AbortSignal.timeout(Math.ceil(timeout * 1000));
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    const seconds = response.headers.get("Retry-After") ?? "";
    retryAfter = /^[0-9]{1,9}$/.test(seconds) ? Number(seconds) : 0;
    const answer = JSON.parse(await response.text());
    if (response.status === 200 && answer.outcome === "accepted") {
      return { answer: { ...answer, code: "accepted" }, retryAfter };
    }
    const mediaType = response.headers.get("Content-Type")?.split(";")[0].trim().toLowerCase();
    const problem = response.status >= 400 && mediaType === "application/problem+json";
    if (problem && OUTCOMES.indexOf(answer.outcome) > 0 && typeof answer.code === "string") {
      return { answer, retryAfter };
    }
    console.warn(`status ${response.status} does not come from the bridge`);
  } catch (error) {
    // After any failure the push may have arrived.
    console.warn(`no answer of the bridge: ${error.cause?.code ?? error.message}`);
  }
  return { answer: NO_ANSWER, retryAfter };
}

async function main() {
  const type = "string";
  const options = { token: { type }, key: { type }, timeout: { type }, "give-up": { type } };
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    if (positionals.length !== 3) throw new Error("three arguments are required");
    const [baseUrl, caseId, file] = positionals;
    const timeout = Number(values.timeout ?? 15);
    const giveUp = Number(values["give-up"] ?? 120);
    if (!(timeout > 0 && timeout < 1e6 && giveUp >= 0 && giveUp < 1e6)) throw new Error("SECONDS is out of range");
    const conclusion = await push(baseUrl, caseId, readFileSync(file), { ...values, timeout, giveUp });
    // Exits at once: a kept-alive connection would keep the process running.
    process.stdout.write(`${JSON.stringify(conclusion)}\n`, () => process.exit(OUTCOMES.indexOf(conclusion.outcome)));
  } catch (error) {
    const usage = "BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]";
    console.error(`usage: push.mjs ${usage}\n${error.message}`); // nothing was sent yet
    process.exit(64);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
