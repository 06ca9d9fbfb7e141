/**
 * Drives one headless Chromium for a run: `node driver/browser.mjs PID`, with the process id of Vouch.
 *
 * Each case has an origin of its own, `http://case-….localhost`, all in one profile. So each case has its own IndexedDB and
 * Web Locks, and its own renderer process. Each connection to the socket is one launch of the app:
 *
 *     launch           a new tab, or the reload of the tab in which the app has ended in order
 *     the page ends    the tab stays, and the connection is closed
 *     the client ends  the tab's renderer is killed
 */
import { createServer as createSocket } from 'node:net';
import { rmSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { placeOf } from './place.mjs';
import { Sites } from './sites.mjs';
import { serveSite } from './site.mjs';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const harness = Number(process.argv[2]);
const place = placeOf(harness);
const port = await serveSite();
const context = await chromium.launchPersistentContext(place.profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ARGUMENTS,
});
const sites = await Sites.over(context, port);

createSocket((client) => {
  client.on('error', () => {}); // `close` follows
  let line = '';
  client.on('data', (text) => {
    line += text;
    if (line.endsWith('\n')) sites.launch(JSON.parse(line), client);
  });
}).listen(place.socket, () => process.send?.('ready', () => process.disconnect()));

setInterval(() => {
  try {
    process.kill(harness, 0);
  } catch {
    end();
  }
}, 1000);

async function end() {
  await context.close();
  rmSync(place.folder, { recursive: true, force: true });
  process.exit(0);
}
