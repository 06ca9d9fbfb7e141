/** What `vouch-test.mjs` makes of a report. `examples/conformance.test.mjs` runs it with the real program. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clauseTests, conformance } from '../vouch-test.mjs';

const FINDING = {
  clauses: ['MIG-5', 'LIF-7'],
  location: 'other-region.yaml:12:5',
  step: 'signIn with $token',
  expected: 'the error incompatible',
  got: 'ok\u001b[31m\u202e',
  wire: ['  4  sdk → auth\n'],
  stderr: '',
  advice: 'Compare the region.',
};
const CASES = [
  { id: 'region[eu]', title: 'A token of another region', verdict: 'failed', proves: ['MIG-5'], detail: [FINDING] },
  { id: 'region[us]', title: 'The same', verdict: 'failed', proves: ['MIG-5'], detail: [FINDING] },
  { id: 'lock', title: 'Locked storage', verdict: 'skipped', proves: ['PER-6'], detail: 'the SDK does not claim storageLock' },
  { id: 'behind', title: 'Behind', verdict: 'notReached', proves: ['PER-7'], detail: { becauseOf: 'region[eu]', clauses: ['MIG-5'] } },
  { id: 'fine', title: 'Fine', verdict: 'passed', proves: ['EXC-1'], detail: null },
];

function tests(statuses, strict = false) {
  const clauses = statuses.map(([id, level, status]) => ({ id, level, status, text: 'It is so.' }));
  return clauseTests({ summary: { clauses }, cases: CASES }, strict);
}

test('a clause is one test; one that does not apply to the run is none', () => {
  const [satisfied, ...rest] = tests([['EXC-1', 'must', 'satisfied'], ['ISS-1', 'must', 'notApplicable']]);
  assert.deepEqual(satisfied, { name: 'EXC-1 (must) It is so.', status: 'satisfied', text: '' });
  assert.deepEqual(rest, []);
});

test('a violated clause has the text of its findings, those of one cause once, without control characters', () => {
  const [{ status, text }] = tests([['MIG-5', 'must', 'violated']]);
  assert.equal(status, 'violated');
  assert.match(text, /region\[eu\]: A token of another region\nother-region\.yaml:12:5: signIn with \$token\n/);
  assert.match(text, /got {7}ok\\u\{1b\}\[31m\\u\{202e\}\n/);
  assert.match(text, /advice: Compare the region\.\nalso in region\[us\]$/);
});

test('a violated should clause warns, and fails a strict run', () => {
  assert.equal(tests([['LIF-7', 'should', 'violated']])[0].status, 'warned');
  assert.equal(tests([['LIF-7', 'should', 'violated']], true)[0].status, 'violated');
});

test('a clause that was not tested says why', () => {
  assert.deepEqual(tests([['PER-6', 'should', 'notTested']])[0].text, 'the SDK does not claim storageLock');
  assert.deepEqual(tests([['PER-7', 'must', 'notTested']])[0].text, 'behind: not reached because of region[eu]');
});

test('a program that is not there is named', async () => {
  await assert.rejects(conformance({ target: 'vouch.toml', vouch: '/no/such/vouch' }), /\/no\/such\/vouch does not start: set VOUCH/);
});
