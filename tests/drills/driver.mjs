// Makes many pushes side by side with push.mjs: a line of input for each push, a line of output for each conclusion.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [folder, atOnce] = process.argv.slice(2);
const { push } = await import(`${folder}/push.mjs`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function drive() {
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
        const [url, caseId, body, token, key, timeout, giveUp] = line.value.split("\t").map((word) => word || undefined);
        const options = { token, key, timeout: Number(timeout), giveUp: Number(giveUp) };
        const { outcome, tries, code } = await push(url, caseId, readFileSync(body), options);
        process.stdout.write([caseId, outcome, tries, code].join("\t") + "\n");
    }
}

await Promise.all(Array.from({ length: Number(atOnce) }, drive));
process.exit();
