/** A Chromium with a profile that outlives it, so that it can be killed and opened again; and the page of the queue's tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
// For the declaration of `window.page`.
import type {} from './queue-page-entry.ts';

const entry = fileURLToPath(new URL('./queue-page-entry.ts', import.meta.url));
const worker = new URL('../../packages/client/dist/worker.js', import.meta.url);
const html = `<!doctype html><html lang="en"><title>Queue</title><link rel="icon" href="data:,">
<input type="file" multiple><script src="/queue.js"></script></html>`;

export interface QueuePageServer {
  readonly origin: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function serveQueuePage(): Promise<QueuePageServer> {
  await using build = await rolldown({ input: entry, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'iife' });
  const files: Record<string, readonly [string, string | Buffer]> = {
    '/': ['text/html; charset=utf-8', html],
    '/queue.js': ['text/javascript', output[0].code],
    '/worker.js': ['text/javascript', await readFile(worker)],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url ?? '/'] ?? [];
    if (type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': type }).end(body);
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

const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export class ProfiledBrowser {
  readonly #profile: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | null = null;
  #browser: Browser | null = null;

  private constructor(profile: string, flags: readonly string[]) {
    this.#profile = profile;
    this.#flags = flags;
  }

  /** @param more flags of Chromium */
  static async start(more: readonly string[] = []): Promise<ProfiledBrowser> {
    const started = new ProfiledBrowser(await mkdtemp(join(tmpdir(), 'holdfast-profile-')), more);
    await started.run();
    return started;
  }

  get context(): BrowserContext {
    const [context] = this.#browser?.contexts() ?? [];
    if (context === undefined) throw new Error('The browser does not run.');
    return context;
  }

  async run(): Promise<void> {
    const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--remote-debugging-port=0'];
    // A group of its own, so that all its processes can be killed at once.
    const child = spawn(
      program,
      [...flags, ...quiet, ...this.#flags, `--user-data-dir=${this.#profile}`, 'about:blank'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      },
    );
    this.#child = child;
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.stderr.on('data', (data: Buffer) => {
        said += data.toString();
        const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', () => reject(new Error(`Chromium ended: ${said}`)));
    });
    this.#browser = await chromium.connectOverCDP(address);
  }

  /** kill -9 of every process of the browser. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await exit;
    await this.#browser?.close().catch(() => {});
  }

  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && process.env['QUEUE_DEBUG'] === '1') console.error(message.text());
    });
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
