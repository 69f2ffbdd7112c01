/** A page of another origin that has the clients as they come from npm: tus-js-client as its UMD build, Uppy bundled. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const tusBuild = new URL('../../node_modules/tus-js-client/dist/tus.js', import.meta.url);
const entry = fileURLToPath(new URL('./client-page-entry.ts', import.meta.url));
const html = `<!doctype html><html lang="en"><title>Clients</title><link rel="icon" href="data:,">
<input type="file"><script src="/tus.js"></script><script src="/clients.js"></script></html>`;

export interface ClientPage {
  readonly origin: string;
  /** Content that the page can fetch at the path that is answered; always the same one for the same content. */
  offer(content: Buffer): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function serveClientPage(): Promise<ClientPage> {
  const [tus, clients] = await Promise.all([readFile(tusBuild), bundleEntry()]);
  const offered: Buffer[] = [];
  const files: Record<string, readonly [string, string | Buffer]> = {
    '/': ['text/html; charset=utf-8', html],
    '/tus.js': ['text/javascript', tus],
    '/clients.js': ['text/javascript', clients],
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const content = offered[Number(/^\/content\/(\d+)$/.exec(path)?.[1])];
    const [type, body] = files[path] ?? ['application/octet-stream', content];
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    offer(content) {
      if (!offered.includes(content)) offered.push(content);
      return `/content/${offered.indexOf(content)}`;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bundleEntry(): Promise<string> {
  await using build = await rolldown({ input: entry, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'iife' });
  return output[0].code;
}
