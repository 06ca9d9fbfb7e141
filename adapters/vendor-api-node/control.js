// The hook program that `vouch.toml` names: it passes the hook on to the server and exits. Vouch sets `VOUCH_HOOK`,
// `VOUCH_ENVIRONMENT`, `VOUCH_REGION`, `VOUCH_USER_ID` and `VOUCH_SECONDS`; the target file sets `PORT`.

import { request } from 'node:http';

const { VOUCH_HOOK, VOUCH_ENVIRONMENT, VOUCH_REGION, VOUCH_USER_ID, VOUCH_SECONDS, PORT } = process.env;

const call = request(
  { host: '127.0.0.1', port: PORT, path: `/control/${VOUCH_HOOK}`, method: 'POST', timeout: 10_000, agent: false },
  (response) => {
    response.resume();
    if (response.statusCode !== 200) {
      console.error(`control.js: the hook ${VOUCH_HOOK} was answered with ${response.statusCode}`);
      process.exitCode = 1;
    }
  },
);
call.on('timeout', () => call.destroy(new Error('no answer within 10 s')));
call.on('error', (error) => {
  console.error(`control.js: ${error.message}`);
  process.exitCode = 1;
});
call.end(
  JSON.stringify({
    environment: VOUCH_ENVIRONMENT,
    region: VOUCH_REGION,
    userId: VOUCH_USER_ID,
    seconds: Number(VOUCH_SECONDS ?? 0),
  }),
);
