/** A browser, a page that has the worked SDK in it, and a cloud that counts requests and speaks CORS. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

export const ADA = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

/** A sign-in token of ada. */
export function signInToken() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iss = 'id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com';
  const userToken = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss, uid: ADA })}.c2lnbmF0dXJl`;
  return Buffer.from(JSON.stringify({ public_key: 'public', user_token: userToken })).toString('base64');
}

/** The cloud. `hold`: refreshes wait until it is resolved. */
export class Cloud {
  refreshes = 0;
  #issued = 0;
  #current = '';
  /** @type {Promise<void> | null} */
  hold = null;
  /** Is called when a refresh has come. */
  onRefresh = () => {};

  async listen() {
    this.server = http.createServer((request, response) => void this.#answer(request, response));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  /** Refuses the access tokens of now, as if they had expired. */
  expire() {
    this.#current = '';
  }

  async #answer(request, response) {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type');
    response.setHeader('Access-Control-Expose-Headers', 'retry-after, date');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    if (request.url === '/') return void response.setHeader('Content-Type', 'text/html').end('<!doctype html>');
    if (request.url !== '/v1/token') {
      const valid = request.headers.authorization === `Bearer ${this.#current}`;
      return void response.writeHead(valid ? 200 : 401).end('{}');
    }
    let form = '';
    for await (const chunk of request) form += chunk;
    if (form.includes('grant_type=refresh_token')) {
      this.refreshes += 1;
      this.onRefresh();
      await this.hold;
    }
    this.#issued += 1;
    this.#current = `access-${this.#issued}`;
    response.end(JSON.stringify({ access_token: this.#current, refresh_token: `refresh-${this.#issued}`, expires_in: 3600 }));
  }
}

/** Starts a cloud and a browser, which end with the test, and returns a function that opens a tab with the SDK. */
export async function setUp(t) {
  const cloud = new Cloud();
  const url = await cloud.listen();
  const profile = mkdtempSync(path.join(tmpdir(), 'vouch-tabs-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  t.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true });
    cloud.server.closeAllConnections();
    cloud.server.close();
  });
  const script = await bundle();
  const tab = async () => {
    const page = await context.newPage();
    await page.goto(url.replace('127.0.0.1', 'app.localhost'));
    await page.addScriptTag({ content: script });
    await page.evaluate(launch, { api: url, auth: url });
    return page;
  };
  return { cloud, context, tab };
}

/** The SDK as a script for a page, which it gives the name `signin`. */
export async function bundle() {
  const signin = fileURLToPath(new URL('../signin/', import.meta.url));
  const built = await build({
    stdin: { contents: "export * from './sdk.ts'; export * from './profiles.ts';", resolveDir: signin },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'signin',
    target: 'es2022',
  });
  return built.outputFiles[0].text;
}

/** Runs in the page: launches the SDK with the hosts of production, us. */
export async function launch({ api, auth }) {
  const { SignInSdk, PROFILES } = globalThis.signin;
  globalThis.reports = [];
  globalThis.sdk = await SignInSdk.launch({
    name: 'signin',
    profile: PROFILES.get('junction'),
    endpoints: [{ environment: 'production', region: 'us', api, auth }],
    clock: { now: () => Date.now(), sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)) },
    timeout: 5000,
    patience: 2000,
    onStatus: (words) => globalThis.reports.push(words.join(' ')),
    log: () => {},
  });
}
