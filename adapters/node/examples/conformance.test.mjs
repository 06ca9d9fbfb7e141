/**
 * The suite as tests of `node:test`:
 *
 *     VOUCH=/path/to/vouch node --test examples/conformance.test.mjs
 *     VOUCH_FILTER="MIG first-sign-in" node --test examples/conformance.test.mjs
 */
import { fileURLToPath } from 'node:url';
import { conformance } from '../vouch-test.mjs';

await conformance({ target: fileURLToPath(new URL('../vouch.toml', import.meta.url)) });
