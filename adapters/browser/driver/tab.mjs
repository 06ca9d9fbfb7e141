/**
 * A launch of the app: asks for a tab, and lives as long as it. Vouch ends the app by ending this process; then the driver
 * kills the tab's renderer. The page dials in through this process, so that its connection ends at the same moment. What
 * the page prints goes to standard error.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { HARNESS, placeOf } from './place.mjs';

const { VOUCH_URL = '', VOUCH_INSTALLATION: installation } = process.env;
// All launches of a case have one TMPDIR, and no other case has it. So each case has an origin of its own.
const site = `case-${createHash('sha256').update(tmpdir()).digest('hex').slice(0, 16)}`;

const relay = net.createServer((page) => {
  const { hostname, port } = new URL(VOUCH_URL);
  const vouch = net.connect(Number(port), hostname);
  page.setNoDelay();
  vouch.setNoDelay();
  page.pipe(vouch).pipe(page);
  for (const [one, other] of [[page, vouch], [vouch, page]]) one.on('error', () => other.destroy());
});
relay.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {net.AddressInfo} */ (relay.address());
  const socket = net.connect(placeOf(HARNESS).socket);
  socket.write(`${JSON.stringify({ site, pid: process.pid, url: `ws://127.0.0.1:${port}`, installation })}\n`);
  socket.pipe(process.stderr);
  // What the page said last is still to be passed on.
  socket.on('end', () => relay.close(() => process.exit(0)));
  socket.on('error', (error) => {
    console.error(`there is no Chromium: the hook \`install\` of the target file starts it (${error.message})`);
    process.exit(1);
  });
});
