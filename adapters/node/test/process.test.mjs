/** Adapters as Vouch starts them: child processes over standard input and output. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Harness, LAUNCH } from './support.mjs';

const folder = fileURLToPath(new URL('..', import.meta.url));

function start(...args) {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  return { child, harness: new Harness(child.stdout, child.stdin), stderr: () => stderr, exit: once(child, 'close') };
}

test('the worked SDK starts, answers, stops, and exits with code 0', async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vouch-node-'));
  t.after(() => rmSync(root, { recursive: true }));
  const { harness, child, exit, stderr } = start('worked/adapter.mjs');
  t.after(() => child.kill());
  const { capabilities } = (await harness.call('initialize', { protocol: 1 })).result;
  assert.deepEqual(capabilities.filter((word) => ['clock', 'wake'].includes(word)).sort(), ['clock', 'wake']);
  const launch = { ...LAUNCH, storage: { secure: root, plain: root, volatile: root }, now: 0 };
  assert.deepEqual((await harness.call('start', launch)).result, {});
  assert.deepEqual((await harness.call('status')).result, { status: [] });
  assert.equal((await harness.call('signIn', { token: 'garbage' })).error.data.kind, 'invalidSignInToken');
  assert.equal((await harness.call('refresh')).error.data.kind, 'notSignedIn');
  assert.deepEqual((await harness.call('stop')).result, {});
  assert.deepEqual(await exit, [0, null], stderr());
});

test('the template answers, claims nothing, says what to fill in, and exits when its input ends', async () => {
  const { harness, child, exit } = start('template.mjs');
  assert.deepEqual((await harness.call('initialize', { protocol: 1 })).result.capabilities, []);
  await harness.call('start', LAUNCH);
  assert.deepEqual((await harness.call('status')).result, { status: [] });
  const { error } = await harness.call('signIn', { token: 'x' });
  assert.match(error.message, /fill in signIn/);
  assert.equal(error.data.kind, 'unsupported');
  child.stdin.end();
  assert.deepEqual(await exit, [0, null]);
});

test('what the SDK prints goes to standard error, and standard output stays clean', async () => {
  const program = `
    import { serve } from './vouch-adapter.mjs';
    serve({ sdk: { name: 'loud' }, capabilities: [], start: () => (console.log('hello'), process.stdout.write('there'), {}) });`;
  const { harness, child, exit, stderr } = start('--input-type=module', '--eval', program);
  assert.deepEqual((await harness.call('start', LAUNCH)).result, {});
  child.stdin.end();
  await exit;
  assert.equal(stderr(), 'hello\nthere');
});
