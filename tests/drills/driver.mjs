// Makes many pushes side by side with push.mjs: the lines of a file in, a line for each conclusion out.
import { readFileSync } from "node:fs";

const [folder, file, atOnce] = process.argv.slice(2);
const { push } = await import(`${folder}/push.mjs`);
const lines = readFileSync(file, "utf8").trimEnd().split("\n");

async function drive() {
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
        const [url, caseId, body, token, key, timeout, giveUp] = line.split("\t").map((word) => word || undefined);
        const options = { token, key, timeout: Number(timeout), giveUp: Number(giveUp) };
        const { outcome, tries, code } = await push(url, caseId, readFileSync(body), options);
        console.log([caseId, outcome, tries, code].join("\t"));
    }
}

await Promise.all(Array.from({ length: Number(atOnce) }, drive));
process.exit();
