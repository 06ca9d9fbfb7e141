/**
 * Runs Vouch from the tests of `node:test`, and shows each clause as a test.
 *
 *     import { conformance } from './vouch-test.mjs';
 *     await conformance({ target: 'vouch.toml' });
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const MOST_CAUSES = 3;
const STDERR_TAIL = 4_000;

/**
 * @typedef {import('./vouch-test.d.mts').ClauseTest} ClauseTest
 * @typedef {{ case: string, title: string, finding: any }} Found
 */

/**
 * Runs the suite once, then declares one test per clause, and one for the verdict.
 * @param {import('./vouch-test.d.mts').Options} options
 */
export async function conformance({
  target,
  vouch = process.env.VOUCH ?? 'vouch',
  filter = process.env.VOUCH_FILTER?.split(' ') ?? [],
  strict = false,
  args = [],
}) {
  const filters = filter.filter((word) => word !== '').flatMap((word) => ['--filter', word]);
  const strictness = strict ? ['--strict'] : [];
  const run = await runVouch(vouch, ['run', '--ci', '--target', target, ...filters, ...strictness, ...args]);
  for (const clause of run.report === null ? [] : clauseTests(run.report, strict)) declare(clause);
  test('vouch: the verdict', () => {
    if (run.exitCode === 0) return;
    const outcome = run.report === null ? 'no report' : run.report.outcome;
    throw failure(`vouch run: ${outcome}, exit code ${run.exitCode}\n${printable(run.stderr)}`);
  });
}

/**
 * One test for each clause that the run applied to, from the JSON report.
 * @param {any} report
 * @param {boolean} strict whether a violated `should` clause is a failure
 * @returns {ClauseTest[]}
 */
export function clauseTests(report, strict) {
  return report.summary.clauses
    .filter((/** @type {any} */ { status }) => status !== 'notApplicable')
    .map((/** @type {any} */ { id, level, text, status }) => {
      const warns = status === 'violated' && level === 'should' && !strict;
      return { name: `${id} (${level}) ${text}`, status: warns ? 'warned' : status, text: explanation(report, id, status) };
    });
}

/** @param {ClauseTest} clause */
function declare({ name, status, text }) {
  if (status === 'notTested') test(name, { skip: text }, () => {});
  else if (status === 'waived' || status === 'knownFailing') test(name, { todo: status }, () => Promise.reject(failure(text)));
  else {
    test(name, (t) => {
      if (status === 'violated') throw failure(text);
      if (status === 'warned') for (const line of text.split('\n')) t.diagnostic(line);
    });
  }
}

/**
 * @param {any} report
 * @param {string} clause
 * @param {string} status
 */
function explanation(report, clause, status) {
  if (status === 'satisfied') return '';
  const cases = report.cases.filter((/** @type {any} */ each) => each.verdict !== 'passed');
  if (status === 'notTested') {
    const reasons = cases.filter((/** @type {any} */ { proves }) => proves.includes(clause)).map(reasonOf);
    return printable([...new Set(reasons)].join('; ')) || 'not tested';
  }
  const causes = [...causesOf(cases, clause).values()];
  const [shown, more] = [causes.slice(0, MOST_CAUSES).map(causeText), causes.length - MOST_CAUSES];
  return printable([...shown, ...(more > 0 ? [`and ${more} more causes`] : [])].join('\n\n'));
}

/**
 * The findings of a clause, those with one cause together.
 * @param {any[]} cases
 * @param {string} clause
 */
function causesOf(cases, clause) {
  /** @type {Map<string, Found[]>} */
  const causes = new Map();
  for (const { id, title, detail } of cases) {
    const findings = Array.isArray(detail) ? detail.filter(({ clauses }) => clauses.includes(clause)) : [];
    for (const finding of findings) {
      const key = JSON.stringify([finding.step, finding.expected, finding.got]);
      causes.set(key, [...(causes.get(key) ?? []), { case: id, title, finding }]);
    }
  }
  return causes;
}

/** Why a case says nothing about its clauses. @param {any} each */
function reasonOf({ id, verdict, detail }) {
  if (verdict === 'notReached') return `${id}: not reached because of ${detail.becauseOf}`;
  return verdict === 'skipped' ? detail : `${id}: ${verdict}`;
}

/** The first finding of a cause in full, and where the others are. @param {Found[]} found */
function causeText([{ case: id, title, finding }, ...others]) {
  const { location, step, expected, got, wire, stderr, advice } = finding;
  return [
    `${id}: ${title}`,
    `${location}: ${step}`,
    `expected  ${expected}`,
    `got       ${got}`,
    ...(wire.length > 0 ? ['last exchanges:', ...wire.map((/** @type {string} */ text) => text.trimEnd())] : []),
    ...(stderr ? ['standard error:', stderr] : []),
    ...(advice ? [`advice: ${advice}`] : []),
    ...(others.length > 0 ? [`also in ${others.map((other) => other.case).join(', ')}`] : []),
  ].join('\n');
}

/**
 * @param {string} vouch
 * @param {string[]} args
 * @returns {Promise<{ exitCode: number | null, stderr: string, report: any }>}
 */
async function runVouch(vouch, args) {
  const folder = await mkdtemp(path.join(tmpdir(), 'vouch-test-'));
  try {
    const file = path.join(folder, 'report.json');
    const child = spawn(vouch, [...args, '--report', `json=${file}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr = (stderr + text).slice(-STDERR_TAIL)));
    const exitCode = await new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new Error(`${vouch} does not start: set VOUCH to its path`, { cause: error })));
      child.on('close', resolve);
    });
    return { exitCode, stderr, report: await reportIn(file) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * @param {string} file
 * @returns {Promise<any>} null if the run ended before it had a report, for example by a mistake in the target file
 */
async function reportIn(file) {
  try {
    const text = await readFile(file, 'utf8');
    return text === '' ? null : JSON.parse(text);
  } catch (error) {
    if (/** @type {any} */ (error).code === 'ENOENT') return null;
    throw error;
  }
}

/** An error without a stack: the place that matters is in its text. @param {string} text */
function failure(text) {
  const error = new Error(text);
  error.stack = text;
  return error;
}

/**
 * Text from the build under test must not steer a terminal: control characters and marks of direction are escaped.
 * @param {string} text
 */
function printable(text) {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
