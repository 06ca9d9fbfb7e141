/**
 * Records what a page with the worked SDK sends, in Chromium, as a HAR file: a sign-in, requests,
 * refreshes, a reload, two tabs, a sign-out. It needs a running mock cloud:
 *
 *     vouch mock-cloud --target /tmp/cloud.toml
 *     node record-har.mjs /tmp/cloud.toml traffic.har
 *     vouch judge traffic.har --target /tmp/cloud.toml
 */
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { bundle, launch } from './test/support.mjs';

const [target, file] = process.argv.slice(2);
const cloud = readFileSync(target, 'utf8');
const value = (name) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(cloud)[1]; // the first realm: production, us
const [api, auth, key] = ['api', 'auth', 'apiKey'].map(value);

async function backend(path, body) {
  const headers = { 'Content-Type': 'application/json', 'x-vital-api-key': key };
  const response = await fetch(api + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
  return response.json();
}

const { user_id: user } = await backend('/v2/user', { client_user_id: 'ada' });
const { sign_in_token: token } = await backend(`/v2/user/${user}/sign_in_token`);

const site = http.createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html>'));
await new Promise((resolve) => site.listen(0, '127.0.0.1', () => resolve(undefined)));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const context = await browser.newContext({ recordHar: { path: file, content: 'embed' } });
const script = await bundle();

async function start(page) {
  await page.goto(`http://app.localhost:${site.address().port}/`);
  await page.addScriptTag({ content: script });
  await page.evaluate(launch, { api, auth });
}
const get = (page) => page.evaluate(async (id) => (await globalThis.sdk.request({ method: 'GET', path: `/v2/user/${id}` })).status, user);

const first = await context.newPage();
await start(first);
// Without a pause, as an app does: the file must still show what came after what.
await first.evaluate(async (text) => {
  await globalThis.sdk.signIn(text);
  await globalThis.sdk.refresh();
  await globalThis.sdk.refresh();
}, token);
const statuses = [await get(first)];
await start(first); // the page is loaded again
const second = await context.newPage();
await start(second);
await second.evaluate(() => globalThis.sdk.refresh());
statuses.push(...(await Promise.all([first, second].map(get))));
await first.evaluate(() => globalThis.sdk.signOut());

await context.close(); // writes the file
await browser.close();
site.close();
if (statuses.some((status) => status !== 200)) throw new Error(`the API answered with ${statuses}`);
console.log(`signed in as ada, ${statuses.length} requests, ${file}`);
