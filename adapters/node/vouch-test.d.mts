export interface Options {
  /** The target file. Its path is relative to the folder in which the tests run. */
  target: string;
  /** The program. By default the environment variable VOUCH, else `vouch` of the PATH. */
  vouch?: string;
  /** Only cases of these groups, clauses or ids. By default the words of the environment variable VOUCH_FILTER. */
  filter?: string[];
  /** Whether violated `should` clauses fail, too. By default they are shown as diagnostics. */
  strict?: boolean;
  /** Further arguments of `vouch run`, for example `['--profile', 'gcip']`. */
  args?: string[];
}

/** Runs the suite once, then declares one test of `node:test` per clause, and one for the verdict. */
export function conformance(options: Options): Promise<void>;

export interface ClauseTest {
  /** The id, the level and the text of the clause. */
  name: string;
  status: 'satisfied' | 'violated' | 'warned' | 'waived' | 'knownFailing' | 'notTested';
  /** The findings, or the reason why the clause was not tested. Empty if it is satisfied. */
  text: string;
}

/** The tests of a JSON report of `vouch run`. */
export function clauseTests(report: any, strict: boolean): ClauseTest[];
