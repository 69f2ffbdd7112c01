/** A page that has `@holdfast/client/audio` as it is published: the files of `dist`, with their own worker, and no bundler. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import type { CompressionResult } from '../../packages/client/src/audio/index.ts';

const run = promisify(execFile);
const dist = fileURLToPath(new URL('../../packages/client/dist/', import.meta.url));
const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.html': 'text/html; charset=utf-8' };
const html = `<!doctype html><html lang="en"><title>Audio</title><link rel="icon" href="data:,"><input type="file">
<script type="module">
import * as audio from '/client/audio/index.js';
window.audio = audio;
window.fetchBlob = async (name) => (await fetch('/media/' + name)).blob();
// What goes back to the test: facts, and the content as a file.
window.told = async (result) => {
  const { blob, ...facts } = result;
  const answer = await fetch('/result', { method: 'POST', body: blob });
  return { ...facts, bytes: blob.size, type: blob.type, path: await answer.text() };
};
window.ready = true;
</script></html>`;

/** A result with its content as a file of the test. */
export type Told = Omit<CompressionResult, 'blob'> & {
  readonly bytes: number;
  readonly type: string;
  readonly path: string;
};

export interface AudioPage {
  readonly origin: string;
  readonly port: number;
  /** Where media for `fetchBlob` lie, and results. */
  readonly folder: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function serveAudioPage(): Promise<AudioPage> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audio-'));
  let results = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    if (pathname === '/') return void response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    if (pathname === '/result') {
      const path = join(folder, `result-${results++}.webm`);
      await writeFile(path, await buffer(request));
      return void response.end(path);
    }
    const [, root, rest = ''] = /^\/(client|media)\/(.*)$/.exec(normalize(decodeURIComponent(pathname))) ?? [];
    const path = join(root === 'client' ? dist : folder, rest);
    const found = await stat(path);
    if (!found.isFile()) throw new Error('not a file');
    const { size } = found;
    response.writeHead(200, {
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      'content-length': size,
    });
    createReadStream(path).pipe(response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    folder,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a function body in the page that may `await`; `audio`, `fetchBlob` and `told` are there. */
export function inPage<Result>(page: Page, body: string): Promise<Result> {
  return page.evaluate(`(async () => { ${body} })()`);
}

export async function ffmpeg(...args: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args]);
}

/** What ffprobe says of a file, with the duration that it decodes to. */
export async function decodedFacts(path: string) {
  const probe = await run('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path]);
  const { streams, format } = JSON.parse(probe.stdout) as {
    streams: { codec_name: string; channels: number; extradata_size: number }[];
    format: { duration: string; format_name: string };
  };
  const samples = await pcm(path);
  return { streams, format, headerSeconds: Number(format.duration), seconds: samples.length / 16_000, samples };
}

/** Mono, 16 kHz. */
export async function pcm(path: string): Promise<Int16Array> {
  const args = ['-v', 'error', '-i', path, '-f', 's16le', '-ac', '1', '-ar', '16000', '-'];
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 512 * 1024 * 1024 });
  return new Int16Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 1);
}

export interface RendererMemory {
  /** Resident set of the largest renderer process, in MB; about 110 of it is the program of Chromium, which all its processes share. */
  readonly resident: number;
  /** Without files that are mapped: what the process has for itself. */
  readonly own: number;
}

export async function rendererMemory(browser: Browser): Promise<RendererMemory> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  const sizes = await Promise.all(
    renderers.map(async ({ id }) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
      const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
      return { resident: megabytes('VmRSS'), own: megabytes('VmRSS') - megabytes('RssFile') };
    }),
  );
  return {
    resident: Math.max(0, ...sizes.map(({ resident }) => resident)),
    own: Math.max(0, ...sizes.map(({ own }) => own)),
  };
}
