/** The calls of the protocol: parallel calls, cancellation, questions of the adapter, notifications, errors, the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallError } from '../vouch-adapter.mjs';
import { LAUNCH, launched, unlaunched } from './support.mjs';

/** A promise that is resolved from outside. */
function gate() {
  const it = {};
  it.opened = new Promise((resolve) => (it.open = resolve));
  return it;
}

test('requests run in parallel and are answered in any order', async () => {
  const slow = gate();
  const { harness } = await launched({ signIn: () => slow.opened, status: () => ['configured'] });
  const first = harness.request('signIn', { token: 't' });
  assert.deepEqual((await harness.call('status')).result, { status: ['configured'] });
  slow.open();
  assert.equal((await harness.next()).id, first);
});

test('the results have the form of the protocol', async () => {
  const { harness } = await launched({
    signOut: () => 'ignored',
    currentUserId: () => undefined,
    request: ({ path, body }) => ({ status: 201, body: { path, body } }),
    storage: () => [{ area: 'plain', key: 'k', value: Buffer.from([255]) }],
  });
  assert.deepEqual((await harness.call('signOut')).result, {});
  assert.deepEqual((await harness.call('currentUserId')).result, { userId: null });
  const answer = await harness.call('request', { method: 'PUT', path: '/x', body: [1] });
  assert.deepEqual(answer.result, { status: 201, body: { path: '/x', body: [1] } });
  assert.deepEqual((await harness.call('storage')).result, { items: [{ area: 'plain', key: 'k', value: '/w==' }] });
});

test('cancel ends one call and leaves the others alone', async () => {
  const { harness } = await launched({
    refresh: (_, { signal }) => new Promise((_resolve, reject) => (signal.onabort = () => reject(signal.reason))),
    status: () => [],
  });
  const [first, second] = [harness.request('refresh'), harness.request('refresh')];
  harness.send({ method: 'cancel', params: { id: second } });
  const { id, error } = await harness.next();
  assert.deepEqual([id, error.data.kind], [second, 'cancelled']);
  harness.send({ method: 'cancel', params: { id: second } });
  assert.ok((await harness.call('status')).result, 'a call that has ended cannot be cancelled');
  harness.send({ method: 'cancel', params: { id: first } });
  assert.equal((await harness.next()).id, first);
});

test('an AbortError of a cancelled call counts as cancelled', async () => {
  const abort = ({ signal }) =>
    new Promise((_, reject) => (signal.onabort = () => reject(new DOMException('aborted', 'AbortError'))));
  const { harness } = await launched({ refresh: (_, context) => abort(context) });
  harness.send({ method: 'cancel', params: { id: harness.request('refresh') } });
  assert.equal((await harness.next()).error.data.kind, 'cancelled');
});

test('identify asks the app for a token, or learns that its backend failed', async () => {
  const seen = [];
  const { harness } = await launched({
    identify: async ({ externalUserId }, { authenticate }) => void seen.push(await authenticate(externalUserId)),
  });
  const question = await harness.call('identify', { externalUserId: 'ada' });
  assert.deepEqual([question.method, question.params], ['authenticate', { externalUserId: 'ada' }]);
  harness.send({ id: question.id, result: { token: 'abc' } });
  assert.deepEqual((await harness.next()).result, {});
  assert.deepEqual(seen, ['abc']);
  const second = await harness.call('identify', { externalUserId: 'ada' });
  assert.notEqual(second.id, question.id);
  harness.send({ id: second.id, error: { code: -32000, message: 'no backend', data: { kind: 'unexpectedAnswer' } } });
  const { error } = await harness.next();
  assert.deepEqual([error.message, error.data.kind], ['no backend', 'unexpectedAnswer']);
});

test("Vouch's clock stands still, moves by clock, and a wait is a sleep", async () => {
  const pair = await launched({ refresh: () => pair.host.clock.sleep(250.5), clockMoved: (now) => pair.host.log(`${now}`) }, { now: 1000 });
  const { harness } = pair;
  assert.equal(pair.host.clock.now(), 1000);
  const sleep = await harness.call('refresh');
  assert.deepEqual([sleep.method, sleep.params], ['sleep', { milliseconds: 251 }]);
  harness.send({ id: sleep.id, result: { now: 5000 } });
  assert.deepEqual((await harness.next()).result, {});
  assert.equal(pair.host.clock.now(), 5000);
  assert.deepEqual((await harness.call('clock', { now: 9000 })).params, { text: '9000' });
  assert.deepEqual((await harness.next()).result, {});
  assert.equal(pair.host.clock.now(), 9000);
});

test('the end of a sleep moves the clock before the next message is read', async () => {
  const pair = await launched({ refresh: () => pair.host.clock.sleep(1), currentUserId: () => `${pair.host.clock.now()}` }, { now: 0 });
  const { harness } = pair;
  const { id } = await harness.call('refresh');
  harness.raw(`{"jsonrpc":"2.0","id":${id},"result":{"now":77}}\n{"jsonrpc":"2.0","id":50,"method":"currentUserId"}\n`);
  const answers = [await harness.next(), await harness.next()];
  assert.equal(answers.find((answer) => answer.id === 50).result.userId, '77');
});

test('a sleep in the background says so, and ends when its signal is aborted', async () => {
  const { harness, host } = await launched({}, { now: 0 });
  const controller = new AbortController();
  const sleep = host.clock.sleep(9, { background: true, signal: controller.signal });
  assert.deepEqual((await harness.next()).params, { milliseconds: 9, background: true });
  controller.abort(new Error('no more'));
  await assert.rejects(sleep, /no more/);
});

test('without Vouch\'s clock time is that of the machine', async () => {
  const { host } = await launched({});
  const before = Date.now();
  await host.clock.sleep(20);
  assert.ok(host.clock.now() >= before + 19);
});

test('notifications come before the answer of the call that caused them', async () => {
  const pair = await launched({
    signIn: async () => {
      pair.host.statusChanged(new Set(['configured']));
      pair.host.statusChanged(['configured', 'signedIn']);
    },
  });
  assert.deepEqual((await pair.harness.call('signIn', { token: 't' })).params, { status: ['configured'] });
  assert.deepEqual((await pair.harness.next()).params, { status: ['configured', 'signedIn'] });
  assert.deepEqual((await pair.harness.next()).result, {});
});

test('each error has the kind that the SDK or the adapter gives it', async () => {
  class Offline extends Error {}
  const throwing = { signIn: new CallError('incompatible', 'other region'), signOut: new Offline('no network'), refresh: new TypeError('a bug') };
  const calls = Object.fromEntries(Object.entries(throwing).map(([name, error]) => [name, () => Promise.reject(error)]));
  const { harness } = await launched(calls, {
    adapter: { kindOf: (error) => (error instanceof Offline ? 'network' : 'internal') },
  });
  const refused = async (method, params) => {
    const { error } = await harness.call(method, params);
    return [error.code, error.data.kind, error.message];
  };
  assert.deepEqual(await refused('signIn', { token: 't' }), [-32000, 'incompatible', 'other region']);
  assert.deepEqual(await refused('signOut'), [-32000, 'network', 'no network']);
  assert.deepEqual(await refused('refresh'), [-32000, 'internal', 'a bug']);
  assert.deepEqual(await refused('setUserId', { userId: 'u' }), [-32000, 'unsupported', 'the SDK has no call setUserId']);
});

test('a launch that is refused is answered with its kind', async () => {
  const { harness } = unlaunched({ start: () => Promise.reject(new CallError('unsupported', 'no such profile')) });
  assert.equal((await harness.call('start', LAUNCH)).error.data.kind, 'unsupported');
});

test('stop lets the SDK finish, is answered, and then closes', async () => {
  const order = [];
  const { harness, closed } = await launched({ stop: async () => void order.push('stopped') });
  assert.deepEqual((await harness.call('stop')).result, {});
  assert.equal(await closed, 'closed');
  assert.deepEqual(order, ['stopped']);
});

test('the end of the input closes at once, and ends what waits for Vouch', async () => {
  const { harness, host, closed } = await launched({}, { now: 0 });
  const sleep = assert.rejects(host.clock.sleep(1), /has ended/);
  harness.end();
  assert.equal(await closed, 'closed');
  await sleep;
});
