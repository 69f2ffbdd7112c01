/** The server inside of other people's programs: node:http, Express and Fastify, with their own routes beside it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem, Upload } from '@holdfast/protocol';
import express from 'express';
import fastify from 'fastify';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { openNode, type ServerNode } from '../src/cli/compose.ts';
import { loadConfig } from '../src/config/load.ts';
import type { ConfigKey } from '../src/config/schema.ts';
import type { AuthHook } from '../src/http/auth.ts';
import { EventReader } from './event-reader.ts';
import { RawConnection } from './raw-connection.ts';
import { sha256, someBytes } from './running-node.ts';

const basePath = '/media/uploads';
const json = { 'content-type': 'application/json' };
const after: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of after.splice(0).reverse()) await act();
});

interface Opened {
  readonly dataDir: string;
  readonly node: ServerNode;
  readonly log: { readonly level: number; readonly msg: string }[];
}

async function open(
  config: Partial<Record<ConfigKey, unknown>> = {},
  authenticate: AuthHook | null = null,
): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-mounted-'));
  const flags = { dataDir, basePath, pipeline: false, reserveMb: 0, ...config };
  const log: Opened['log'] = [];
  const to = { write: (line: string) => void log.push(JSON.parse(line)) };
  const node = await openNode({
    config: loadConfig({ env: {}, flags }),
    log: pino({ level: 'info' }, to),
    authenticate,
  });
  after.push(async () => {
    await node.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return { dataDir, node, log };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Programs with a route of their own, `POST /notes`, that tells back what it was sent. */
const programs: Readonly<Record<string, (node: ServerNode) => Promise<Server>>> = {
  'node:http': async ({ http }) =>
    createServer({ requestTimeout: 0 }, (request, response) => {
      if (request.url?.startsWith(`${basePath}/`)) http.handle(request, response);
      else request.pipe(response);
    }),
  Express: async ({ http }) => {
    const app = express();
    app.use(basePath, http.handle);
    app.use(express.json());
    app.post('/notes', (request, response) => void response.json(request.body));
    return createServer({ requestTimeout: 0 }, app);
  },
  Fastify: async ({ http }) => {
    const app = fastify({ requestTimeout: 0 });
    await app.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
      scope.all(`${basePath}/*`, (request, reply) => {
        reply.hijack();
        http.handle(request.raw, reply.raw);
      });
    });
    app.post('/notes', async ({ body }) => body);
    await app.ready();
    return app.server;
  },
};

/** One connection for everything, as a browser keeps it. */
function onOneConnection(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  after.push(() => agent.destroy());
  const ports = new Set<number | undefined>();
  const ask = (method: string, path: string, body: Uint8Array | string = '', headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; location: string; bytes: Buffer }>((resolve, reject) => {
      const sent = request(url + path, { method, agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const { statusCode: status, headers } = response;
          resolve({ status, location: headers.location ?? '', bytes: Buffer.concat(parts) });
        });
      });
      sent.on('error', reject).on('socket', (socket) => socket.once('connect', () => ports.add(socket.localPort)));
      sent.end(body);
    });
  return { ask, connections: () => ports.size };
}

describe.each(Object.keys(programs))('E: mounted in %s', (name) => {
  test('a file arrives and is read again, with the routes of the program between, on one connection', async () => {
    const { node, log } = await open();
    const url = await listening((await programs[name]?.(node)) as Server);
    const { ask, connections } = onOneConnection(url);
    const bytes = someBytes(3 * 1024 * 1024);
    const note = JSON.stringify({ note: 'mine' });
    const wish = JSON.stringify({ filename: 'talk.bin', size: bytes.length, chunkSize: 1024 * 1024 });

    const { status, location } = await ask('POST', `${basePath}/v1/uploads`, wish, json);
    expect({ status, location }).toMatchObject({
      status: 201,
      location: expect.stringContaining(`${basePath}/v1/uploads/`),
    });
    for (const index of [2, 0, 1]) {
      const chunk = bytes.subarray(index * 1024 * 1024, (index + 1) * 1024 * 1024);
      expect(await ask('PUT', `${location}/chunks/${index}`, chunk)).toMatchObject({ status: 200 });
      expect((await ask('POST', '/notes', note, json)).bytes.toString()).toBe(note);
    }
    const done = JSON.parse((await ask('POST', `${location}/complete`)).bytes.toString()) as Upload;
    expect(done).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
    expect(sha256((await ask('GET', done.contentUrl ?? '')).bytes)).toBe(sha256(bytes));
    expect((await ask('GET', `${basePath}/`, '', { accept: 'text/html' })).bytes.toString()).toContain(`${basePath}/`);
    expect(connections()).toBe(1);
    expect(log.filter(({ level }) => level >= 40)).toEqual([]);
  });
});

test('the program says who asks, by what it has put on the request; nobody else is let in', async () => {
  const { node } = await open({}, async ({ request }) => {
    const { user } = request as { user?: string };
    return user === undefined ? null : { principal: user };
  });
  const app = express();
  app.use((request, _response, next) => {
    const [, user] = /session=(\w+)/.exec(request.headers.cookie ?? '') ?? [];
    Object.assign(request, { user });
    next();
  });
  app.use(basePath, node.http.handle);
  const url = await listening(createServer(app));
  const as = (cookie: string, init: RequestInit = {}) =>
    fetch(`${url}${basePath}/v1/uploads`, { ...init, headers: { ...json, cookie } });
  const wish = { method: 'POST', body: JSON.stringify({ filename: 'mine.mp4', size: 7 }) };

  expect((await as('session=ana', wish)).status).toBe(201);
  expect((await (await as('session=ana')).json()) as object).toMatchObject({ items: [{ filename: 'mine.mp4' }] });
  expect((await (await as('session=bob')).json()) as object).toMatchObject({ items: [] });
  expect((await as('', wish)).status).toBe(401);
});

test('a principal that is no text is refused, and the log says what was wrong', async () => {
  const { node, log } = await open({}, async ({ headers }) => ({ principal: JSON.parse(String(headers['x-user'])) }));
  const url = await listening(createServer({ requestTimeout: 0 }, node.http.handle));
  const as = (user: unknown) =>
    fetch(`${url}${basePath}/v1/uploads`, { headers: { 'x-user': JSON.stringify(user) } }).then(({ status }) => status);
  for (const user of [42, '', 'a\nb', null, { id: 7 }, 'x'.repeat(257)]) expect(await as(user)).toBe(500);
  expect(log.filter(({ level }) => level >= 50)).toHaveLength(6);
  expect(JSON.stringify(log)).toContain('`authenticate` has to answer with a principal');
  for (const user of ['customer-17/ana', 'ana@example.org', 'Jürgen']) expect(await as(user)).toBe(200);
});

test('a folder that this process has open already is not opened once more', async () => {
  const { dataDir } = await open();
  await expect(open({ dataDir })).rejects.toThrow(/^Another Holdfast process uses the data directory/);
});

test('a body parser in front, and another path than the setting says: both are told in words', async () => {
  const { node, log } = await open();
  const app = express();
  app.use('/elsewhere', node.http.handle);
  app.use(express.json());
  app.use(basePath, node.http.handle);
  const url = await listening(createServer(app));
  const create = async (path: string) => {
    const wish = { method: 'POST', headers: json, body: '{"filename":"a","size":7}' };
    const answer = await fetch(`${url}${path}/v1/uploads`, wish);
    return (await answer.json()) as Problem;
  };

  expect(await create(basePath)).toMatchObject({
    status: 500,
    code: 'internal',
    detail: expect.stringContaining('body parser'),
  });
  expect(await create('/elsewhere')).toMatchObject({
    status: 500,
    detail: expect.stringContaining('mounted at /elsewhere'),
  });
  expect(log.filter(({ level }) => level >= 50)).toHaveLength(2);
  expect((await fetch(`${url}${basePath}/v1/uploads`)).status).toBe(200);
});

test('a program whose server cuts off slow bodies is warned of it, once', async () => {
  const { node, log } = await open();
  const url = await listening(createServer(node.http.handle));
  for (let i = 0; i < 3; i += 1) expect((await fetch(`${url}${basePath}/v1/uploads`)).status).toBe(200);
  expect(log.filter(({ msg }) => msg.includes('requestTimeout'))).toMatchObject([{ level: 40 }]);
});

test('a connection on which nothing moves is closed while it is with Holdfast, and is as the program wants it afterwards', async () => {
  const { node } = await open();
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    if (request.url?.startsWith(basePath)) node.http.handle(request, response);
    else response.end();
  });
  const url = await listening(server);
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const stream = await EventReader.open(`${url}${basePath}/v1/events`);
  expect((await socket).timeout).toBe(300_000);
  stream.close();
  const again = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const { ask } = onOneConnection(url);
  await ask('GET', `${basePath}/v1/uploads`);
  await ask('GET', '/');
  expect([0, server.keepAliveTimeout + 1_000]).toContain((await again).timeout);
});

test('an HTTP/2 server is told to have a proxy', async () => {
  const { node } = await open();
  const server = createHttp2Server((request, response) => node.http.handle(request as never, response as never));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const text = await new Promise<string>((resolve, reject) => {
    const asked = client.request({ ':path': `${basePath}/v1/uploads` });
    let said = '';
    asked
      .setEncoding('utf8')
      .on('data', (part: string) => (said += part))
      .on('end', () => resolve(said))
      .on('error', reject);
  });
  client.close();
  await new Promise((resolve) => server.close(resolve));
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', detail: expect.stringContaining('HTTP/1.1') });
});

test('who asks before it sends is told to go on once', async () => {
  const { node } = await open();
  const server = createServer({ requestTimeout: 0 }, node.http.handle);
  await listening(server);
  const raw = await RawConnection.open((server.address() as AddressInfo).port);
  after.push(() => raw.destroy());
  const wish = '{"filename":"a","size":7}';
  raw.head(`POST ${basePath}/v1/uploads`, [
    'Expect: 100-continue',
    'Content-Type: application/json',
    `Content-Length: ${wish.length}`,
  ]);
  await expect.poll(() => raw.received).toContain('100 Continue');
  raw.send(wish);
  await expect.poll(() => raw.received).toContain('201 Created');
  expect(raw.received.split('100 Continue')).toHaveLength(2);
});

test('without credentials nobody is answered who comes by another address than loopback, whatever the request names as host', async () => {
  const { node } = await open();
  const server = createServer(node.http.handle);
  const url = await listening(server);
  expect((await fetch(`${url}${basePath}/v1/uploads`)).status).toBe(200);
  server.on('connection', (socket) => Object.defineProperty(socket, 'localAddress', { value: '192.0.2.7' }));
  const { ask } = onOneConnection(url);
  expect((await ask('GET', `${basePath}/v1/uploads`)).status).toBe(403);
});

test('closing: what came of a body is kept, streams end, and what comes later is sent away', async () => {
  const { dataDir, node } = await open();
  const server = createServer({ requestTimeout: 0 }, node.http.handle);
  const url = await listening(server);
  const tus = { 'tus-resumable': '1.0.0' };
  const made = await fetch(`${url}${basePath}/files`, {
    method: 'POST',
    headers: { ...tus, 'upload-length': '1000000' },
  });
  const location = new URL(made.headers.get('location') ?? '', url).pathname;
  const stream = await EventReader.open(`${url}${basePath}/v1/uploads/${location.split('/').at(-1)}/events`);
  const raw = await RawConnection.open((server.address() as AddressInfo).port);
  after.push(() => raw.destroy());
  const type = 'Content-Type: application/offset+octet-stream';
  raw.head(`PATCH ${location}`, ['Tus-Resumable: 1.0.0', 'Upload-Offset: 0', type, 'Content-Length: 1000000']);
  raw.send(Buffer.alloc(400_000, 7));
  await expect.poll(() => readdir(join(dataDir, 'incoming'))).toHaveLength(1);

  await node.close();

  await expect.poll(() => raw.received).toContain(' 503 ');
  expect(await stream.ended()).toBe(true);
  expect((await fetch(`${url}${basePath}/v1/uploads`)).status).toBe(503);
  const { node: next } = await open({ dataDir });
  const again = await listening(createServer({ requestTimeout: 0 }, next.http.handle));
  const head = await fetch(again + location, { method: 'HEAD', headers: tus });
  expect(head.headers.get('upload-offset')).toBe('400000');
});
