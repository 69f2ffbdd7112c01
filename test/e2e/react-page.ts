/** A page of another origin that has `@holdfast/client/react` in it, bundled as an application does: with React's
 * development build, and at `/profiling` with the production build that tells how long it worked. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const entry = file('./react-page-entry.ts');
const client = file('../../packages/client/');
/** As they are published; the bundle looks for them beside itself. */
const workers: Readonly<Record<string, string>> = {
  '/worker.js': `${client}dist/worker.js`,
  '/audio-worker.js': `${client}dist/audio/worker.js`,
};
const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>React</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/styles.css">
<style>:root { color-scheme: light dark } body { font: 16px system-ui; background: Canvas; color: CanvasText; display: grid; gap: 1rem }</style>
<main><h1>Uploads</h1><div id="root"></div></main><script type="module" src="/page.js"></script></html>`;

export interface ReactPage {
  readonly origin: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function serveReactPage(): Promise<ReactPage> {
  const [development, profiling, styles] = await Promise.all([
    bundle('page'),
    bundle('profiling'),
    readFile(`${client}src/react/styles.css`),
  ]);
  const scripts = new Map([...development, ...profiling]);
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const script = scripts.get(path);
    if (script !== undefined) response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else if (workers[path] !== undefined) {
      createReadStream(workers[path]).pipe(response.setHeader('content-type', 'text/javascript'));
    } else if (path === '/styles.css') response.writeHead(200, { 'content-type': 'text/css' }).end(styles);
    else if (path === '/' || path === '/profiling') {
      const own = path === '/' ? html : html.replace('/page.js', '/profiling.js');
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(own);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bundle(name: 'page' | 'profiling'): Promise<[string, string][]> {
  const profiling = name === 'profiling';
  await using build = await rolldown({
    input: { [name]: entry },
    platform: 'browser',
    logLevel: 'silent',
    resolve: { alias: profiling ? { 'react-dom/client': 'react-dom/profiling' } : {} },
    transform: { define: { 'process.env.NODE_ENV': profiling ? '"production"' : '"development"' } },
  });
  const { output } = await build.generate({ format: 'esm', chunkFileNames: `${name}-[name].js` });
  return output.map((part) => [`/${part.fileName}`, part.type === 'chunk' ? part.code : String(part.source)]);
}
