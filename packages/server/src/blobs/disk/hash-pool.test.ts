import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { patternBytes } from '../../testing/body.ts';
import { refuseThreads } from '../../testing/refused-threads.ts';
import { HashPool } from './hash-pool.ts';

const mib = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
let dir: string;
let pool: HashPool;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-hash-'));
});
afterEach(async () => {
  await pool.close();
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true });
});

function file(name: string, bytes: Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}

/** Every worker thread that is started from now on. */
function startedWorkers(): Worker[] {
  const started: Worker[] = [];
  const postMessage = Worker.prototype.postMessage;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (
    this: Worker,
    ...args: Parameters<Worker['postMessage']>
  ) {
    if (!started.includes(this)) started.push(this);
    postMessage.apply(this, args);
  });
  return started;
}

async function digestOf(id: string, path: string, size: number): Promise<string> {
  return (await pool.hash(id, path, size)).sha256;
}

test('workers start when needed, follow what grows, and are ended by close', async () => {
  pool = new HashPool({ workers: 2, statesMax: 10 });
  expect(pool.threadIds()).toEqual([]);
  const bytes = patternBytes(5 * mib);
  const path = file('a', bytes.subarray(0, 2 * mib));
  pool.follow('a', path, 2 * mib);
  expect(pool.followedTo('a')).toBe(2 * mib);
  writeFileSync(path, bytes);
  pool.follow('a', path, 4 * mib);
  expect(await digestOf('a', path, bytes.byteLength)).toBe(sha256(bytes));
  expect(pool.threadIds().length).toBe(1);
  await pool.close();
  expect(pool.threadIds()).toEqual([]);
  await expect(digestOf('a', path, 1)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a worker that is at an upload hears how far it is behind, but not of each receipt', async () => {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  pool = new HashPool({ workers: 1, statesMax: 10 });
  const path = join(dir, 'sparse');
  writeFileSync(path, '');
  truncateSync(path, 80 * mib);
  for (const upTo of [1, 20, 64, 65, 80]) pool.follow('a', path, upTo * mib);
  const told = (): unknown[] => posted.mock.calls.map(([message]) => (message as { upTo?: number }).upTo);
  expect(told()).toEqual([mib, 65 * mib]);
  await expect.poll(told).toEqual([mib, 65 * mib, 80 * mib]);
  expect(await digestOf('a', path, 80 * mib)).toBe(sha256(new Uint8Array(80 * mib)));
});

test('a killed worker is replaced and its work starts again; other jobs are answered too', async () => {
  const started = startedWorkers();
  pool = new HashPool({ workers: 1, statesMax: 10 });
  const path = join(dir, 'sparse');
  writeFileSync(path, '');
  truncateSync(path, 200 * mib);
  const small = patternBytes(mib);
  pool.follow('big', path, 100 * mib);
  const digests = [
    digestOf('big', path, 200 * mib),
    pool.digestFile({ path: file('small', small), size: mib, algorithm: 'sha-256', awaited: false }, null),
  ];
  await new Promise((resolve) => started[0]?.once('online', resolve));
  await started[0]?.terminate();
  const zeros = createHash('sha256');
  for (let i = 0; i < 200; i += 1) zeros.update(new Uint8Array(mib));
  expect(await Promise.all(digests)).toEqual([zeros.digest('hex'), sha256(small)]);
  expect(started.length).toBe(2);
});

test('a job that kills every worker is given up, not tried for ever', async () => {
  const started = startedWorkers();
  pool = new HashPool({ workers: 1, statesMax: 10 });
  const path = file('a', patternBytes(mib));
  const kill = vi.mocked(Worker.prototype.postMessage).getMockImplementation();
  vi.mocked(Worker.prototype.postMessage).mockImplementation(function (
    this: Worker,
    ...args: Parameters<Worker['postMessage']>
  ) {
    kill?.apply(this, args);
    void this.terminate();
  });
  await expect(digestOf('a', path, mib)).rejects.toMatchObject({ code: 'unavailable' });
  expect(started.length).toBe(3);
});

test('a worker that dies before its first word is not started for uploads that grow until they have grown again', async () => {
  const started = startedWorkers();
  pool = new HashPool({ workers: 1, statesMax: 10 });
  const bytes = patternBytes(2 * mib);
  const path = file('a', bytes);
  const sound = vi.mocked(Worker.prototype.postMessage).getMockImplementation();
  vi.mocked(Worker.prototype.postMessage).mockImplementation(function (
    this: Worker,
    ...args: Parameters<Worker['postMessage']>
  ) {
    sound?.apply(this, args);
    void this.terminate();
  });
  for (const count of [1, 2]) {
    pool.follow('a', path, count * mib);
    await new Promise((resolve) => started[count - 1]?.once('exit', resolve));
    expect(started.length).toBe(count);
  }
  vi.mocked(Worker.prototype.postMessage).mockImplementation(sound ?? (() => {}));
  expect(await digestOf('a', path, bytes.byteLength)).toBe(sha256(bytes));
});

test('a machine that grants no thread costs no receipt, and uploads are hashed once it does', async () => {
  const grant = refuseThreads();
  try {
    pool = new HashPool({ workers: 1, statesMax: 10 });
    const bytes = patternBytes(2 * mib);
    const path = file('a', bytes);
    pool.follow('a', path, mib);
    await expect(digestOf('a', path, bytes.byteLength)).rejects.toMatchObject({ code: 'unavailable' });
    grant();
    const posted = vi.spyOn(Worker.prototype, 'postMessage');
    pool.follow('a', path, 2 * mib);
    expect(posted.mock.calls).toMatchObject([[{ type: 'follow', upTo: 2 * mib }]]);
    expect(await digestOf('a', path, bytes.byteLength)).toBe(sha256(bytes));
  } finally {
    grant();
  }
});

test('more uploads than running hashes: all digests are right', async () => {
  pool = new HashPool({ workers: 2, statesMax: 3 });
  const files = Array.from({ length: 12 }, (_, i) => {
    const bytes = patternBytes(mib + i, i + 1);
    return { id: `u${i}`, bytes, path: file(`u${i}`, bytes) };
  });
  for (let round = 1; round <= 3; round += 1) for (const { id, path } of files) pool.follow(id, path, round * 300_000);
  const digests = await Promise.all(files.map(({ id, path, bytes }) => digestOf(id, path, bytes.byteLength)));
  expect(digests).toEqual(files.map(({ bytes }) => sha256(bytes)));
});

test('what is forgotten is read anew', async () => {
  pool = new HashPool({ workers: 1, statesMax: 3 });
  const [old, now] = [patternBytes(2 * mib, 1), patternBytes(2 * mib, 2)];
  const path = file('a', old);
  expect(await digestOf('a', path, 2 * mib)).toBe(sha256(old));
  writeFileSync(path, now);
  pool.forget('a');
  expect(await digestOf('a', path, 2 * mib)).toBe(sha256(now));
});

test.runIf(process.platform === 'linux')('background work is nice, and only the worker thread is', async () => {
  pool = new HashPool({ workers: 1, statesMax: 3 });
  const path = file('a', patternBytes(mib));
  await pool.digestFile({ path, size: mib, algorithm: 'sha-256', awaited: false }, null);
  const niceness = readdirSync('/proc/self/task').map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, 'utf8');
    return { main: Number(task) === process.pid, nice: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]) };
  });
  expect(niceness.filter((task) => task.main).map((task) => task.nice)).toEqual([0]);
  expect(niceness.filter((task) => task.nice === 19).length).toBe(1);
});

test('1 GiB keeps memory flat', async () => {
  pool = new HashPool({ workers: 1, statesMax: 3 });
  const path = join(dir, 'sparse');
  writeFileSync(path, '');
  truncateSync(path, 1024 * mib);
  expect(statSync(path).blocks).toBe(0);
  await pool.digestFile(
    { path: file('warm', new Uint8Array(mib)), size: mib, algorithm: 'sha-256', awaited: false },
    null,
  );
  const before = process.memoryUsage().rss;
  let highest = before;
  const digest = await pool.digestFile({ path, size: 1024 * mib, algorithm: 'sha-256', awaited: false }, () => {
    highest = Math.max(highest, process.memoryUsage().rss);
  });
  // dd if=/dev/zero bs=1M count=1024 | sha256sum
  expect(digest).toBe('49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14');
  expect(highest - before).toBeLessThan(32 * mib);
});
