/** B6, C8, E1 and starting, stopping, freezing: the life of a real server process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent, Upload } from '@holdfast/protocol';
import { describe, expect, it, test } from 'vitest';
import { EventReader } from '../../packages/server/test/event-reader.ts';
import { RawConnection } from '../../packages/server/test/raw-connection.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, seededBytes, seededRandom, sha256 } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const wish = { args: ['--no-pipeline', '--durability', 'committed'], env: { HOLDFAST_RESERVE_MB: '0' } };
const random = seededRandom(7);

async function create(api: Api, size: number): Promise<Upload> {
  const { body } = await api.json<Upload>('POST', '/v1/uploads', { filename: 'file.bin', size, chunkSize: chunkBytes });
  return body;
}

test('E1: a second process on the same folder is refused at once and says why; the first goes on; killed, its place is free', async () => {
  await using first = await ServerProcess.start(wish);
  const started = performance.now();
  const second = await holdfast(['serve', '--port', '0', '--data', first.dataDir, '--no-pipeline']);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/Another Holdfast process uses the data directory/);
  expect(second.stderr, 'a sentence, not a stack').not.toMatch(/\n\s+at /);
  expect(performance.now() - started).toBeLessThan(8_000);
  const api = new Api(() => first.url);
  expect((await create(api, 10)).state).toBe('receiving');
  await first.restart();
  expect((await api.json('GET', '/health/ready')).status).toBe(200);
  api.close();
});

describe('starting is refused with a sentence that says what to do', () => {
  it.each<[string, string[], Record<string, string>, number, RegExp]>([
    [
      'beyond loopback without keys',
      ['--host', '0.0.0.0'],
      {},
      1,
      /Refusing to listen on 0\.0\.0\.0 without authentication.*HOLDFAST_API_KEYS/,
    ],
    ['every IPv6 address without keys', ['--host', '::'], {}, 1, /Refusing to listen/],
    ['an unknown variable', [], { HOLDFAST_PROT: '1' }, 2, /HOLDFAST_PROT/],
    ['a bad value', [], { HOLDFAST_SESSION_TIMEOUT_HOURS: 'soon' }, 2, /sessionTimeoutHours/],
    ['a bad flag value', ['--durability', 'maybe'], {}, 2, /durability/],
    ['an unknown flag', ['--colour', 'red'], {}, 2, /unknown option/],
    ['a file that is not there', ['--config', '/nowhere/holdfast.yaml'], {}, 2, /\/nowhere\/holdfast\.yaml/],
    ['a key that is too short', [], { HOLDFAST_API_KEYS: 'ana:short' }, 2, /at least 16 characters/],
    ['a folder that cannot be made', ['--data', '/etc/hostname/data'], {}, 1, /\/etc\/hostname/],
    ['a file in the place of the folder', ['--data', '/etc/hostname'], {}, 1, /\/etc\/hostname/],
    [
      'an address that this machine does not have',
      ['--host', '192.0.2.1'],
      { HOLDFAST_API_KEYS: 'ana:0123456789abcdef' },
      1,
      /no address 192\.0\.2\.1.*--host/,
    ],
    [
      'the same with several processes',
      ['--host', '192.0.2.1', '--processes', '2'],
      { HOLDFAST_API_KEYS: 'ana:0123456789abcdef' },
      1,
      /no address 192\.0\.2\.1.*--host/,
    ],
  ])('C11, D6: %s', async (_name, args, env, code, message) => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-refused-'));
    const exit = await holdfast(['serve', '--port', '0', '--data', dir, '--no-pipeline', ...args], env);
    await rm(dir, { recursive: true });
    expect(exit).toMatchObject({ code, signal: null });
    expect(exit.stderr).toMatch(message);
    expect(exit.stderr, 'a sentence, not a stack').not.toMatch(/\n\s+at /);
  });

  test('D6: an unknown key in the file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-refused-'));
    await writeFile(join(dir, 'holdfast.yaml'), 'portt: 80\n');
    const exit = await holdfast(['serve', '--config', join(dir, 'holdfast.yaml'), '--data', dir]);
    await rm(dir, { recursive: true });
    expect(exit).toMatchObject({ code: 2 });
    expect(exit.stderr).toMatch(/portt/);
  });

  test('a port that is taken', async () => {
    await using first = await ServerProcess.start(wish);
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-refused-'));
    const exit = await holdfast(['serve', '--port', String(first.port), '--data', dir, '--no-pipeline']);
    await rm(dir, { recursive: true });
    expect(exit.code).toBe(1);
    expect(exit.stderr).toMatch(new RegExp(`Port ${first.port} .* is in use.*--port`));
  });
});

test('with keys it listens beyond loopback', async () => {
  await using server = await ServerProcess.start({
    args: ['--no-pipeline', '--host', '0.0.0.0'],
    env: { HOLDFAST_API_KEYS: 'ana:0123456789abcdef' },
  });
  expect((await fetch(`${server.url}/v1/uploads`)).status).toBe(401);
  expect(
    (await fetch(`${server.url}/v1/uploads`, { headers: { authorization: 'Bearer 0123456789abcdef' } })).status,
  ).toBe(200);
  expect(JSON.stringify(server.log), 'keys are not logged').not.toContain('0123456789abcdef');
});

test('stopped in order while a chunk is under way: the chunk is acknowledged, streams end, unused connections do not hold it up', async () => {
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const bytes = seededBytes(random, 2 * chunkBytes);
  const { id } = await create(api, bytes.length);
  const stream = await EventReader.open(`${server.url}/v1/events`);
  const unused = connect(server.port, '127.0.0.1');
  unused.on('error', () => {});
  const sender = await RawConnection.open(server.port);
  sender.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
  sender.send(bytes.subarray(0, 1000));
  await sleep(100);
  const started = performance.now();
  const exit = server.kill('SIGTERM');
  await sleep(200);
  sender.send(bytes.subarray(1000, chunkBytes));
  expect(await sender.answer()).toMatchObject({ status: 200, body: { receivedBytes: chunkBytes } });
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(await stream.ended()).toBe(true);
  expect(server.log.at(-1)?.msg).toBe('stopped');
  await server.run();
  expect((await api.json<Upload>('GET', `/v1/uploads/${id}`)).body).toMatchObject({ missingChunks: [1] });
  api.close();
});

test('a Ctrl-C that comes twice, as through npm, stops in order; a second one stops at once', async () => {
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const bytes = seededBytes(random, chunkBytes);
  const { id } = await create(api, bytes.length + 1);
  const sender = await RawConnection.open(server.port);
  sender.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
  sender.send(bytes.subarray(0, 1000));
  await sleep(100);
  server.signal('SIGINT');
  await sleep(30);
  const exit = server.kill('SIGINT');
  await sleep(200);
  sender.send(bytes.subarray(1000));
  expect(await sender.answer()).toMatchObject({ status: 200, body: { receivedBytes: chunkBytes } });
  expect(await exit).toEqual({ code: 0, signal: null });

  await server.run();
  const stuck = await RawConnection.open(server.port);
  stuck.head(`PUT /v1/uploads/${id}/chunks/1`, ['Content-Length: 1']);
  await sleep(100);
  server.signal('SIGINT');
  await sleep(800);
  expect(await server.kill('SIGINT')).toEqual({ code: 130, signal: null });
  api.close();
});

test('whose terminal was closed stops in order', async () => {
  await using server = await ServerProcess.start(wish);
  expect(await server.kill('SIGHUP')).toEqual({ code: 0, signal: null });
});

test('stopped while a sender is stuck: it is cut off after a while, and the process ends', async () => {
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const { id } = await create(api, chunkBytes);
  const stuck = await RawConnection.open(server.port);
  stuck.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
  stuck.send('abc');
  await sleep(100);
  const started = performance.now();
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(performance.now() - started).toBeLessThan(15_000);
  api.close();
});

test('A1: frozen and thawed in the middle of uploads, nothing is lost', async () => {
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const thaw = setInterval(() => {
    server.signal('SIGSTOP');
    setTimeout(() => server.signal('SIGCONT'), 150);
  }, 300);
  for (let i = 0; i < 6; i += 1) {
    const bytes = seededBytes(random, 4 * chunkBytes + i);
    const upload = await create(api, bytes.length);
    const chunks = Array.from({ length: upload.totalChunks }, (_, index) => index);
    const answers = await Promise.all(
      chunks.map((index) =>
        api.put(
          `/v1/uploads/${upload.id}/chunks/${index}`,
          bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
        ),
      ),
    );
    expect(answers.map((a) => a.status)).toEqual(chunks.map(() => 200));
    expect((await api.json('POST', `/v1/uploads/${upload.id}/complete`)).body).toMatchObject({ sha256: sha256(bytes) });
  }
  clearInterval(thaw);
  await sleep(200);
  api.close();
});

test('A2, B6: the stream of everything over kill -9: no gaps, no repeats', async () => {
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const seen: LogEvent[] = [];
  for (let life = 0; life < 3; life += 1) {
    const reader = await EventReader.open(`${server.url}/v1/events`, seen.at(-1)?.id ?? 0);
    for (let i = 0; i < 3; i += 1) {
      const bytes = seededBytes(random, 100);
      const { id } = await create(api, bytes.length);
      await api.put(`/v1/uploads/${id}/chunks/0`, bytes);
      await api.json('POST', `/v1/uploads/${id}/complete`);
    }
    await create(api, 5);
    await sleep(50);
    await server.kill();
    await reader.ended();
    seen.push(...(await reader.until(() => true)).map((e) => e.data));
    await server.run();
  }
  const last = await EventReader.open(`${server.url}/v1/events`, seen.at(-1)?.id ?? 0);
  const { body } = await api.json<{ items: LogEvent[] }>('GET', '/v1/events?limit=1000');
  if ((seen.at(-1)?.id ?? 0) < (body.items.at(-1)?.id ?? 0))
    seen.push(...(await last.until((all) => all.at(-1)?.id === body.items.at(-1)?.id)).map((e) => e.data));
  last.close();
  expect(seen.map((e) => e.id)).toEqual(body.items.map((e) => e.id));
  api.close();
});

test('C11: 180 bad clients leave no descriptor and no file behind', async () => {
  await using server = await ServerProcess.start({ ...wish, env: { ...wish.env, HOLDFAST_BODY_IDLE_SECONDS: '1' } });
  const api = new Api(() => server.url);
  const round = async () => {
    for (let i = 0; i < 30; i += 1) await badClient(api, { port: server.port, kind: i % 6 });
    const { body } = await api.json<{ items: Upload[] }>('GET', '/v1/uploads?state=receiving,paused&limit=200');
    for (const { id } of body.items) await api.json('DELETE', `/v1/uploads/${id}`);
  };
  await round();
  await sleep(1_500);
  const before = await server.descriptors();
  for (let i = 0; i < 5; i += 1) await round();
  await expect.poll(() => server.descriptors(), { timeout: 10_000 }).toBeLessThanOrEqual(before + 2);
  expect(await server.incoming()).toEqual([]);
  expect((await api.json('GET', '/health/ready')).status).toBe(200);
  api.close();
});

async function badClient(api: Api, { port, kind }: { port: number; kind: number }): Promise<void> {
  const { id } = await create(api, 2 * chunkBytes);
  const raw = await RawConnection.open(port);
  raw.head(`PUT /v1/uploads/${id}/chunks/${kind === 5 ? 9 : 0}`, [
    `Content-Length: ${chunkBytes}`,
    ...(kind === 4 ? ['Content-Digest: sha-256=:bad'] : []),
  ]);
  raw.send(Buffer.alloc(kind === 3 ? chunkBytes : 500));
  await sleep(5);
  if (kind === 0) raw.reset();
  else if (kind === 1) raw.finish();
  else if (kind === 2) {
    await api.json('DELETE', `/v1/uploads/${id}`);
    raw.destroy();
  } else if (kind === 3) {
    await raw.answer();
    raw.reset();
  } else {
    // Left alone: the server cuts it off by itself.
  }
}
