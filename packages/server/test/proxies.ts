/** Proxies to put in front of a server: a real nginx, and one of ours that does what bad ones do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/testing/free-port.ts';

export interface RunningProxy extends AsyncDisposable {
  readonly url: string;
}

export interface Badness {
  /** Reads a request whole before it hands it on. */
  readonly keepsBodies?: boolean;
  /** Reads an answer whole before it hands it on. */
  readonly keepsAnswers?: boolean;
  readonly bodyBytesMax?: number;
  /** Names of request headers. */
  readonly drops?: readonly string[];
  /** Names of headers of the answer. */
  readonly hides?: readonly string[];
  readonly refuses?: readonly string[];
  /** Puts scheme and host into Location. */
  readonly location?: string;
  readonly host?: string;
  readonly adds?: Readonly<Record<string, string>>;
}

/** A proxy that streams and passes everything on, but for its badness. */
export async function badProxy(target: string, bad: Badness): Promise<RunningProxy> {
  const server = createServer((request, response) => void handOn(request, response, { target, bad }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function handOn(
  request: IncomingMessage,
  response: ServerResponse,
  { target, bad }: { target: string; bad: Badness },
): Promise<void> {
  request.on('error', () => {});
  if (bad.refuses?.includes(request.method ?? '')) return void response.writeHead(405).end('Not here.');
  if (Number(request.headers['content-length'] ?? 0) > (bad.bodyBytesMax ?? Number.POSITIVE_INFINITY))
    return void response.writeHead(413, { connection: 'close' }).end('<html>Too large</html>');
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !bad.drops?.includes(name)));
  const whole = bad.keepsBodies === true ? await buffer(request).catch(() => null) : undefined;
  if (whole === null) return;
  const onward = forward(target + request.url, {
    method: request.method,
    headers: { ...headers, ...(bad.host === undefined ? {} : { host: bad.host }), ...bad.adds },
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  onward.once('response', async (answer) => {
    const kept = Object.entries(answer.headers).filter(([name]) => !bad.hides?.includes(name));
    const moved = bad.location === undefined ? {} : { location: bad.location };
    response.writeHead(answer.statusCode ?? 502, { ...Object.fromEntries(kept), ...moved });
    if (bad.keepsAnswers === true) response.end(await buffer(answer));
    else answer.pipe(response);
  });
  if (whole === undefined) request.pipe(onward);
  else onward.end(whole);
}

/** A real nginx with that `server { … }`, whose `listen` is replaced by a free port. */
export async function nginx(server: string): Promise<RunningProxy> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-nginx-'));
  const port = await freePort();
  await mkdir(join(dir, 'tmp'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/tmp/${n};`);
  const config = [
    `daemon off; master_process off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;`,
    'events { worker_connections 64; }',
    `http { access_log off; ${temporary.join(' ')}`,
    server.replace(/^\s*ssl_.*$/gm, '').replace(/listen [^;]+;/, `listen 127.0.0.1:${port};`),
    '}',
  ];
  await writeFile(join(dir, 'nginx.conf'), config.join('\n'));
  const child = spawn('/usr/sbin/nginx', ['-c', join(dir, 'nginx.conf'), '-p', dir], { stdio: 'ignore' });
  await listening(child, port, join(dir, 'error.log'));
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess, port: number, log: string): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    const up = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (up) return;
    if (child.exitCode !== null) break;
    await sleep(25);
  }
  throw new Error(`nginx does not start: ${await readFile(log, 'utf8')}`);
}
