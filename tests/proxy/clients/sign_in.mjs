// A client that knows only the vendor's real host names: creates a user, signs it in, refreshes, reads it.
// Node's standard library only; the proxy and the CA come from HTTPS_PROXY and NODE_EXTRA_CA_CERTS. API_KEY is a team's key.
import http from 'node:http';
import tls from 'node:tls';

const api = 'https://api.us.junction.com';
const auth = 'https://auth.us.junction.com/v1/token';
const key = { 'x-vital-api-key': process.env.API_KEY, 'content-type': 'application/json' };

/** A TLS connection to a host, through the proxy. */
function tunnel(host) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  return new Promise((resolve, reject) => {
    const request = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: `${host}:443` });
    request.on('connect', (answer, socket) => {
      if (answer.statusCode !== 200) return reject(new Error(`CONNECT ${answer.statusCode}: ${answer.headers['x-vouch-reason']}`));
      const secure = tls.connect({ socket, servername: host }, () => resolve(secure));
      secure.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

async function call(url, { method = 'POST', headers = {}, body = '' } = {}) {
  const { hostname, pathname } = new URL(url);
  const socket = await tunnel(hostname);
  return new Promise((resolve, reject) => {
    const options = { host: hostname, path: pathname, method, headers, createConnection: () => socket };
    const request = http.request(options, (answer) => {
      let text = '';
      answer.on('data', (piece) => { text += piece; });
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`${url}: ${answer.statusCode} ${text}`));
        resolve(JSON.parse(text));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const ask = (fields) => call(auth, {
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

try {
  const user = await call(`${api}/v2/user`, { headers: key, body: JSON.stringify({ client_user_id: process.argv[2] }) });
  const issued = await call(`${api}/v2/user/${user.user_id}/sign_in_token`, { headers: key });
  const { user_token: token } = JSON.parse(Buffer.from(issued.sign_in_token, 'base64').toString());
  const first = await ask({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:junction:sign-in-token',
    subject_token: token,
  });
  const second = await ask({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
  const headers = { authorization: `Bearer ${second.access_token}` };
  const read = await call(`${api}/v2/user/${user.user_id}`, { method: 'GET', headers });
  console.log(`signed in as ${read.client_user_id}`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
}
