// Receipts per second of the stores of upload state: what one process gets done beside SQLite, PostgreSQL and Redis, on many uploads at a time
// and on a single one. By hand, after `npm run compile`: node bench/state.mjs [seconds] [sqlite,postgres,redis-always,redis-everysec]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { silentLog } from '../packages/server/dist/core/ports/log.js';
import { systemClock } from '../packages/server/dist/platform/system-clock.js';
import { openRedisState } from '../packages/server/dist/state/redis/open.js';
import { openPostgresState, openSqliteState } from '../packages/server/dist/state/sql/open.js';
import { createDatabaseOn, startPostgres } from '../packages/server/dist/testing/postgres.js';
import { startRedis } from '../packages/server/dist/testing/redis.js';
import { receipt, sampleEvent, sampleExtent, sampleUpload } from '../packages/server/dist/testing/sample-upload.js';

const seconds = Number(process.argv[2] ?? 5);
const wanted = process.argv[3]?.split(',') ?? ['sqlite', 'postgres', 'redis-always', 'redis-everysec'];
const postgresUrl = process.argv[4];
const clock = systemClock;
const chunkBytes = 100;
const inFlight = 16;

async function openStore(name, directory) {
  const sqlite = () => openSqliteState({ file: join(directory, 'state.db'), clock });
  if (name === 'sqlite') return { state: await sqlite(), stop: async () => {} };
  if (name === 'postgres') {
    const own = postgresUrl === undefined ? await startPostgres() : null;
    const url = own === null ? await createDatabaseOn(postgresUrl) : await own.createDatabase();
    const state = await openPostgresState({ url, clock, holder: 'bench' });
    return { state, stop: async () => own?.stop() };
  }
  const always = name === 'redis-always';
  const server = await startRedis({ appendfsync: always ? 'always' : 'everysec' });
  const durability = always ? 'synced' : 'committed';
  const options = { url: server.url, ledger: await sqlite(), process: 'bench', durability, clock };
  const state = await openRedisState({ ...options, log: silentLog, random: Math.random });
  return { state, stop: () => server.stop(), url: server.url };
}

async function newUpload(state) {
  const upload = sampleUpload({ size: 1e12, chunkSize: chunkBytes });
  await state.uploads.create(upload, [sampleEvent('created')], [], Number.POSITIVE_INFINITY);
  return { id: upload.id, next: 0 };
}

/** `uploads` at a time, `inFlight` receipts under way in all. */
async function receipts(state, uploads) {
  const open = await Promise.all(Array.from({ length: uploads }, () => newUpload(state)));
  const end = performance.now() + seconds * 1000;
  const times = [];
  await Promise.all(
    Array.from({ length: inFlight }, async (_, i) => {
      while (performance.now() < end) {
        const upload = open[i % uploads];
        const offset = upload.next;
        upload.next += chunkBytes;
        const began = performance.now();
        await state.uploads.decide(upload.id, offset, receipt(sampleExtent(offset)));
        times.push(performance.now() - began);
      }
    }),
  );
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(times.length * share)]?.toFixed(1);
  return {
    perSecond: Math.round(times.length / seconds),
    p50: at(0.5),
    p99: at(0.99),
    longest: times.at(-1)?.toFixed(1),
  };
}

/** Bytes of Redis for each of 10,000 uploads that wait for their first chunk, their first event told to the ledger. */
async function idleBytes(state, url) {
  const client = new Redis(url);
  const used = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
  const before = await used();
  const count = 10_000;
  for (let made = 0; made < count; made += 500) await Promise.all(Array.from({ length: 500 }, () => newUpload(state)));
  await state.uploads.events({ after: 0, limit: 1 });
  const each = Math.round(((await used()) - before) / count);
  client.disconnect();
  return each;
}

for (const name of wanted) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const { state, stop, url } = await openStore(name, directory);
  try {
    const many = await receipts(state, inFlight);
    const one = await receipts(state, 1);
    const line = (r) => `${r.perSecond}/s (p50 ${r.p50} ms, p99 ${r.p99} ms, longest ${r.longest} ms)`;
    process.stdout.write(`${name}: ${inFlight} uploads ${line(many)}; one upload, ${inFlight} parallel ${line(one)}\n`);
    if (url !== undefined) process.stdout.write(`${name}: ${await idleBytes(state, url)} bytes for an idle upload\n`);
  } finally {
    await state.close();
    await stop();
    await rm(directory, { recursive: true, force: true });
  }
}
