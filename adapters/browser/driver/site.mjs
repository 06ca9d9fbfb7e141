import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PAGE = new URL('../page/', import.meta.url);

/**
 * Compiles the page and serves it, whatever the host name.
 * @returns {Promise<number>} the port
 */
export async function serveSite() {
  const compiled = await build({
    entryPoints: [fileURLToPath(new URL('adapter.ts', PAGE))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  });
  const files = new Map([
    ['/', { type: 'text/html; charset=utf-8', body: readFileSync(new URL('index.html', PAGE)) }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from(compiled.outputFiles[0].contents) }],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    response.writeHead(file === undefined ? 404 : 200, { 'Content-Type': file?.type ?? 'text/plain', 'Cache-Control': 'no-store' });
    response.end(file?.body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}
