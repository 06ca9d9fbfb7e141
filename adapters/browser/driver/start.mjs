/** The hook `install`: starts Chromium for this run, and returns when it is ready. */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HARNESS, placeOf } from './place.mjs';

sweep();
const { folder } = placeOf(HARNESS);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { mode: 0o700 });
const log = path.join(folder, 'log');
const output = openSync(log, 'a');
const program = fileURLToPath(new URL('browser.mjs', import.meta.url));
const browser = spawn(process.execPath, [program, `${HARNESS}`], { detached: true, stdio: ['ignore', output, output, 'ipc'] });
browser.on('message', () => process.exit(0));
browser.on('exit', (code) => {
  console.error(readFileSync(log, 'utf8').trimEnd() || `Chromium ended with code ${code}`);
  process.exit(1);
});

/** Removes what earlier runs have left: Vouch ends Chromium at once when a run ends. */
function sweep() {
  for (const name of readdirSync('/tmp')) {
    const harness = Number(/^vouch-browser-(\d+)$/.exec(name)?.[1]);
    if (harness > 0 && !runs(harness)) rmSync(placeOf(harness).folder, { recursive: true, force: true });
  }
}

/** @param {number} pid */
function runs(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {any} */ (error).code === 'EPERM';
  }
}
