import path from 'node:path';

/** The program that runs both the hook and the tabs: Vouch. */
export const HARNESS = process.ppid;

/**
 * Where Chromium of one run keeps its profile, and where the tabs of this run find it. Not below TMPDIR, which Vouch sets
 * anew for each case.
 * @param {number} harness the process id of Vouch
 */
export function placeOf(harness) {
  const folder = path.join('/tmp', `vouch-browser-${harness}`);
  return { folder, socket: path.join(folder, 'socket'), profile: path.join(folder, 'profile') };
}
