// Uses the bridge's pages with a real browser, as a person would: Swagger UI and the pages about problems, on a desk and
// on a phone. Nothing may be asked of another origin, no page may throw, and the console may hold one kind of line
// alone: the browser's own about an answer that is not a success, where one was provoked.
//
// Usage: browser.mjs BRIDGE_WITH_CALLERS TOKEN FOLDER_FOR_SCREENSHOTS [BROWSER]
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [bridge, token, folder, executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
const desk = { width: 1280, height: 900 };
const phone = { width: 360, height: 740 };

const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A new page that keeps account of what it complains of and what it asks for. */
async function open(path, viewport) {
    const context = await browser.newContext({ viewport, isMobile: viewport === phone, hasTouch: viewport === phone });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const complaints = [];
    page.provoked = 0; // lines of the browser's own about pushes that were to be refused
    page.on('console', (message) => {
        const refused = /^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());
        if (refused && new URL(message.location().url).pathname.startsWith('/mediations/')) page.provoked += 1;
        else if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(`page error: ${error}`));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
    page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.origin !== bridge) complaints.push(`foreign: ${url}`);
    });
    page.finish = async (name) => {
        await page.screenshot({ path: `${folder}/${name}.png` });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(viewport === desk || wide <= 0, `${name} is ${wide} pixels wider than the screen`);
        assert.deepEqual(complaints, [], name);
        await context.close();
    };
    const answer = await page.goto(bridge + path, { waitUntil: 'networkidle' });
    assert.equal(answer.status(), 200, path);
    return page;
}

/** Executes a push with "Try it out" and waits until Swagger UI shows this answer to it. */
async function push(operation, caseId, content, status, text) {
    await operation.locator('tr[data-param-name="case_id"] input').fill(caseId);
    await operation.locator('textarea.body-param__text').fill(content);
    await operation.getByRole('button', { name: 'Execute' }).click();
    await operation.locator('.request-url').filter({ hasText: `/mediations/${caseId}/result` }).waitFor();
    await operation.locator('.live-responses-table .response').filter({ hasText: status }).filter({ hasText: text }).waitFor();
}

async function swagger(viewport, name) {
    const page = await open('/swagger-ui/', viewport);
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.modal-ux');
    await dialog.locator('input').fill(token);
    await dialog.getByRole('button', { name: 'Apply credentials' }).or(dialog.locator('button.authorize')).first().click();
    await dialog.getByRole('button', { name: 'Close' }).last().click();

    const operation = page.locator('#operations-mediations-pushMediationResult');
    if (!(await operation.getByRole('button', { name: /Execute|Try it out/ }).count())) {
        await operation.locator('.opblock-summary-control').click();
    }
    const tryOut = operation.getByRole('button', { name: 'Try it out' });
    if (await tryOut.count()) await tryOut.click();
    await operation.locator('tr[data-param-name="Idempotency-Key"] input').fill('');

    await push(operation, 'browser-1', '{"result":"success","completed_time":"2025-11-16T16:00:00Z"}', '200', /"outcome":\s*"accepted"/);
    await push(operation, 'sandbox-rejected', '{"result":"success"}', '422', /"code":\s*"top_rejected"/);
    assert.ok(page.provoked >= 1, 'the browser itself says that a push was refused');
    await page.finish(name);
}

async function problems(viewport, name) {
    const list = await open('/problems', viewport);
    const links = await list.locator('a[href^="/problems/"]').count();
    assert.ok(links >= 22, `${links} problems are listed`);
    await list.locator('a[href="/problems/top_timeout"]').first().click();
    await list.waitForURL('**/problems/top_timeout');
    await list.getByRole('heading', { name: 'top_timeout' }).first().waitFor();
    await list.goBack();
    await list.finish(`${name}-list`);

    const page = await open('/problems/top_timeout', viewport);
    assert.match(await page.locator('[lang="en"]').last().innerText(), /What to do now/);
    assert.match(await page.locator('section[lang^="zh"]').innerText(), /现在该怎么办/);
    // The languages stand side by side where there is room, one below the other where there is none.
    const [english, chinese] = await Promise.all(['section[lang="en"]', 'section[lang^="zh"]'].map((part) => page.locator(part).boundingBox()));
    if (viewport === desk) assert.ok(chinese.x > english.x && chinese.y === english.y, 'side by side');
    else assert.ok(chinese.y >= english.y + english.height, 'one below the other');
    assert.equal(await page.evaluate(() => window.innerWidth), viewport.width, 'the page is laid out for this screen');
    const size = await page.locator('dd').first().evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
    assert.ok(size >= 14, `the text is ${size} pixels high`);
    await page.finish(name);
}

try {
    let pages = 0;
    for (const [viewport, where] of [[desk, 'desk'], [phone, 'phone']]) {
        await swagger(viewport, `swagger-ui-${where}`);
        await problems(viewport, `problem-${where}`);
        pages += 3;
    }
    console.log(`${await browser.version()}: ${pages} pages used, 4 pushes tried out, no complaint, no foreign request`);
} finally {
    await browser.close();
}
