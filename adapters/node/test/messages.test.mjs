/** The message format: framing, ids, JSON-RPC errors. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { LINE_LIMIT, LineChannel, serve } from '../vouch-adapter.mjs';
import { Harness, LAUNCH, launched, unlaunched } from './support.mjs';

const noSdk = { start: () => ({}) };

test('initialize is answered with the protocol, the name and the capabilities', async () => {
  const { harness } = unlaunched(noSdk);
  const { id, result } = await harness.call('initialize', { protocol: 1, harness: { name: 'vouch', version: '1' } });
  assert.equal(id, 1);
  assert.deepEqual(result, { protocol: 1, sdk: { name: 'test', version: '1', platform: 'node' }, capabilities: ['clock'] });
});

test('another version of the protocol is refused', async () => {
  const { error } = await unlaunched(noSdk).harness.call('initialize', { protocol: 2 });
  assert.equal(error.code, -32602);
  assert.match(error.message, /protocol 1/);
});

test('a newer Vouch that still speaks protocol 1 gets it', async () => {
  const { result } = await unlaunched(noSdk).harness.call('initialize', { protocol: 3, minProtocol: 1 });
  assert.equal(result.protocol, 1);
});

test('mistakes in requests are answered with the codes of JSON-RPC', async () => {
  const { harness } = unlaunched(noSdk);
  const code = async (method, params) => (await harness.call(method, params)).error.code;
  assert.equal(await code('status'), -32600, 'before start');
  assert.equal(await code('start', { profile: 'junction' }), -32602, 'fields are missing');
  assert.equal(await code('start', []), -32602, 'not an object');
  await harness.call('start', LAUNCH);
  assert.equal(await code('start', LAUNCH), -32600, 'started already');
  assert.equal(await code('dance'), -32601);
  assert.equal(await code('signIn', { token: 7 }), -32602);
});

test('lines that are not messages are refused, and the next line is read', async () => {
  const { harness } = unlaunched(noSdk);
  for (const [line, code] of [['{', -32700], ['7', -32600], ['{"id":1,"method":"status"}', -32600], ['', -32700]]) {
    harness.raw(`${line}\n`);
    const { id, error } = await harness.next();
    assert.deepEqual([id, error.code], [null, code], line);
  }
  assert.ok((await harness.call('initialize', { protocol: 1 })).result);
});

test('an id may be a string, and an unknown notification or answer is ignored', async () => {
  const { harness } = unlaunched(noSdk);
  harness.send({ method: 'weather', params: {} });
  harness.send({ id: 99, result: {} });
  harness.send({ id: 'a', method: 'initialize', params: { protocol: 1 } });
  assert.equal((await harness.next()).id, 'a');
});

test('a line may come in parts, also within a character, and many lines at once', async () => {
  const { harness } = await launched({ signIn: ({ token }) => assert.equal(token, 'Zoë'), status: () => [] });
  const line = Buffer.from('{"jsonrpc":"2.0","id":5,"method":"signIn","params":{"token":"Zoë"}}\n');
  const middle = line.indexOf(0xc3) + 1;
  harness.raw(line.subarray(0, middle));
  await new Promise(setImmediate);
  harness.raw(line.subarray(middle));
  assert.deepEqual(await harness.next(), { jsonrpc: '2.0', id: 5, result: {} });
  harness.raw('{"jsonrpc":"2.0","id":6,"method":"status"}\n{"jsonrpc":"2.0","id":7,"method":"status"}\n');
  assert.deepEqual([(await harness.next()).id, (await harness.next()).id], [6, 7]);
});

test('a line of 1 MiB is read, and a longer one is refused without an end of the connection', async () => {
  const { harness } = unlaunched(noSdk);
  const shortest = '{"jsonrpc":"2.0","id":1,"method":""}\n';
  const line = (size) => shortest.replace('""', `"${'x'.repeat(size - shortest.length)}"`);
  const [longest, tooLong] = [line(LINE_LIMIT), line(LINE_LIMIT + 1)];
  assert.equal(longest.length, LINE_LIMIT);
  harness.raw(longest);
  assert.equal((await harness.next()).error.code, -32601);
  harness.raw(tooLong);
  assert.equal((await harness.next()).error.code, -32600);
  assert.ok((await harness.call('initialize', { protocol: 1 })).result);
});

test('an answer that is too long for a line becomes an error', async () => {
  const { harness } = await launched({ request: () => ({ status: 200, body: 'x'.repeat(LINE_LIMIT) }) });
  const { error } = await harness.call('request', { method: 'GET', path: '/' });
  assert.deepEqual(error.data, { kind: 'internal' });
  assert.match(error.message, /1 MiB/);
});

test('a socket takes the place of standard input and output', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  const [[socket]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  const closed = new Promise((onClose) => {
    serve({ sdk: { name: 'tcp' }, capabilities: [], ...noSdk }, { channel: new LineChannel(socket, socket), onClose });
  });
  const harness = new Harness(client, client);
  assert.equal((await harness.call('initialize', { protocol: 1 })).result.sdk.name, 'tcp');
  client.destroy();
  await closed;
  server.close();
});
