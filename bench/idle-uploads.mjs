/**
 * What unfinished uploads that nobody sends to cost a server in memory. By hand:
 *
 *     npx tsc -b && node bench/idle-uploads.mjs [kind=created|begun] [sizes=2000,20000,40000,60000]
 *
 * `created`: uploads without a byte. `begun`: with their first KiB, so that a file, a running hash and what is remembered of extents are part of it.
 *
 * At each size, after a pause, what the server has: resident memory as it is, and once its garbage is collected (through the inspector), because what many
 * creations leave behind is not kept for them. Of the latter: the JavaScript heap, and what C code took with malloc, which is SQLite's page
 * cache mostly. Bytes per upload are the slopes between neighbouring sizes: a cache that is bounded shows as a slope that comes to its end.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Inspector } from './inspector.mjs';
import { machine } from './machine.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const kind = given.kind ?? 'created';
const sizes = (given.sizes ?? '2000,20000,40000,60000').split(',').map(Number);
const lanes = 8;
const settleMs = 10_000;
const program = join(dirname(fileURLToPath(import.meta.url)), '../packages/server/bin/holdfast.js');
const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-idle-'));
const env = {
  PATH: process.env.PATH,
  HOLDFAST_MAX_OPEN_UPLOADS: String(10 * Math.max(...sizes)),
  HOLDFAST_WRITES_PER_MINUTE: '0',
  HOLDFAST_RESERVE_MB: '0',
};
const args = ['serve', '--data', dir, '--port', '0', '--no-pipeline', '--log-level', 'info'];
const server = spawn(process.execPath, ['--inspect=127.0.0.1:0', program, ...args], {
  env,
  stdio: ['ignore', 'pipe', 'pipe'],
});
try {
  const [url, inspector] = await Promise.all([
    said(server.stdout, (line) => (line.startsWith('{') ? JSON.parse(line).address : undefined)),
    said(server.stderr, (line) => /ws:\S+/.exec(line)?.[0]).then((address) => Inspector.at(address)),
  ]);
  const measured = [];
  let made = 0;
  for (const uploads of sizes) {
    const began = performance.now();
    await make(url, uploads - made);
    const perSecond = Math.round((uploads - made) / ((performance.now() - began) / 1000));
    made = uploads;
    measured.push({ uploads, perSecond, ...(await memory(inspector)) });
  }
  inspector.close();
  console.log(JSON.stringify({ machine: machine(), kind, kib: measured, bytesPerUpload: slopes(measured) }, null, 2));
} finally {
  server.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}

/** KiB. */
async function memory(inspector) {
  await sleep(settleMs);
  const withGarbage = resident();
  const heapWithGarbage = await inspector.heapUsed();
  await inspector.collectGarbage();
  await sleep(1_000);
  return {
    residentWithGarbage: withGarbage,
    heapWithGarbage: heapWithGarbage >> 10,
    resident: resident(),
    heap: (await inspector.heapUsed()) >> 10,
    malloc: mallocHeap(),
    database: statSync(join(dir, 'state.db')).size >> 10,
  };
}

function resident() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]);
}

/** Resident KiB of the segment that malloc grows for the main thread. */
function mallocHeap() {
  const text = readFileSync(`/proc/${server.pid}/smaps`, 'utf8');
  return Number(/\[heap\]\n(?:.*\n)*?Rss:\s+(\d+)/.exec(text)?.[1] ?? 0);
}

function slopes(measured) {
  return measured.slice(1).map((after, i) => {
    const before = measured[i];
    const each = (what) => Math.round(((after[what] - before[what]) * 1024) / (after.uploads - before.uploads));
    return {
      between: `${before.uploads} and ${after.uploads}`,
      residentWithGarbage: each('residentWithGarbage'),
      resident: each('resident'),
      heap: each('heap'),
      malloc: each('malloc'),
      database: each('database'),
    };
  });
}

/** The first line that has what is looked for. */
function said(stream, find) {
  return new Promise((resolve) => {
    createInterface({ input: stream }).on('line', (line) => {
      const found = find(line);
      if (found !== undefined) resolve(found);
    });
  });
}

async function make(url, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await (kind === 'begun' ? begin : create)(url, agent, left);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  agent.destroy();
}

function create(url, agent, number) {
  const body = JSON.stringify({ filename: `lecture ${number}.mp4`, size: 50_000_000 });
  return post(`${url}/v1/uploads`, agent, { body, headers: { 'content-type': 'application/json' } });
}

/** With tus, creation and first bytes are one request. */
function begin(url, agent, number) {
  const name = Buffer.from(`lecture ${number}.mp4`).toString('base64');
  const headers = {
    'tus-resumable': '1.0.0',
    'upload-length': '50000000',
    'upload-metadata': `filename ${name}`,
    'content-type': 'application/offset+octet-stream',
  };
  return post(`${url}/files`, agent, { body: Buffer.alloc(1024, number), headers });
}

function post(url, agent, { body, headers }) {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers: all }, (answer) => {
      answer.resume();
      answer.once('end', () =>
        answer.statusCode === 201 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
