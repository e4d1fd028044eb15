// Uses the bridge's pages with a browser, as a person would: Swagger UI and the pages about problems, on a desk in
// English and on a phone in Chinese, behind a reverse proxy that strips a path prefix. No page may throw, complain, or
// ask for anything that is not below the prefix.
//
// Usage: browser.mjs BRIDGE_WITH_CALLERS TOKEN BROWSER
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { chromium } from 'playwright-core';

const [bridge, token, executablePath] = process.argv.slice(2);
const proxy = http.createServer((request, response) => {
    const { method, headers, url } = request;
    const upstream = http.request(bridge + url.replace(/^\/prefix/, ''), { method, headers }, (answer) => {
        answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    });
    request.pipe(upstream);
}).listen(0, '127.0.0.1');
await once(proxy, 'listening');
const base = `http://127.0.0.1:${proxy.address().port}/prefix`;
const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
const browser = await chromium.launch({ executablePath, args });

/** Opens a page, lets `use` work with it, and requires that nothing was complained of meanwhile. */
async function visit(path, device, use) {
    const page = await browser.newPage(device);
    const complaints = [];
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
        // The browser itself reports a push that is refused.
        const refused = /status of 422/.test(message.text()) && /\/mediations\//.test(message.location().url);
        if (!refused && ['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(`${error}`));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    page.on('request', (request) => {
        const own = /^(data|blob):/.test(request.url()) || request.url().startsWith(`${base}/`);
        if (!own) complaints.push(`foreign: ${request.url()}`);
    });
    assert.equal((await page.goto(base + path, { waitUntil: 'networkidle' })).status(), 200, path);
    await use(page);
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(excess <= 0, `${path} is ${excess} pixels wider than the screen`);
    assert.deepEqual(complaints, [], path);
    await page.close();
}

async function tryOut(page) {
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    await page.locator('.modal-ux input').fill(token);
    await page.locator('.modal-ux button.authorize').click();
    await page.locator('.modal-ux button.btn-done').click();
    const operation = page.locator('#operations-mediations-pushMediationResult');
    const begin = operation.getByRole('button', { name: 'Try it out' });
    if (!(await operation.locator('.opblock-body').count())) await operation.locator('.opblock-summary-control').click();
    if (await begin.count()) await begin.click();
    await operation.locator('tr[data-param-name="Idempotency-Key"] input').fill('');
    const accepted = ['browser-1', '200', /"outcome": "accepted"/];
    const rejected = ['sandbox-rejected', '422', /"code": "top_rejected"/];
    for (const [caseId, status, text] of [accepted, rejected]) {
        await operation.locator('tr[data-param-name="case_id"] input').fill(caseId);
        await operation.locator('textarea.body-param__text').fill('{"result":"success"}');
        await operation.getByRole('button', { name: 'Execute' }).click();
        await operation.locator('.request-url', { hasText: `/prefix/mediations/${caseId}/result` }).waitFor();
        const shown = operation.locator('.live-responses-table .response', { hasText: status });
        await shown.filter({ hasText: text }).waitFor();
    }
}

async function readProblem(page, [first, second], sideBySide) {
    assert.ok((await page.locator('table a').count()) >= 23, 'every problem is listed');
    await page.locator('article a', { hasText: 'top_timeout' }).first().click();
    await page.waitForURL('**/problems/top_timeout');
    const sections = page.locator('section');
    assert.deepEqual(await sections.evaluateAll((all) => all.map((section) => section.lang)), [first, second]);
    assert.match(await page.locator('section[lang="en"]').innerText(), /What to do now/);
    assert.match(await page.locator('section[lang="zh-CN"]').innerText(), /现在该怎么办/);
    const [one, other] = await Promise.all([sections.first().boundingBox(), sections.last().boundingBox()]);
    assert.equal(sideBySide, other.x > one.x && other.y === one.y, 'side by side where there is room');
}

const desk = { locale: 'en-US', viewport: { width: 1280, height: 900 } };
const phone = { locale: 'zh-CN', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
for (const [device, languages] of [[desk, ['en', 'zh-CN']], [phone, ['zh-CN', 'en']]]) {
    await visit('/swagger-ui/', device, tryOut);
    await visit('/problems', device, (page) => readProblem(page, languages, device === desk));
}
console.log(`Chromium ${browser.version()}: 4 pages used behind a prefix, 4 pushes tried out, no complaint`);
await browser.close();
proxy.close();
