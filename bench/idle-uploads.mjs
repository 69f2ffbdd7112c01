/**
 * What unfinished uploads that nobody sends to cost a server in memory. By hand:
 *
 *     npx tsc -b && node bench/idle-uploads.mjs [uploads=20000]
 *
 * Resident memory of the process with a tenth of them and with all, each half a minute after the last was made: bytes per upload is the slope.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { machine } from './machine.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const uploads = Number(given.uploads ?? 20_000);
const lanes = 8;
const settleMs = 30_000;
const program = join(dirname(fileURLToPath(import.meta.url)), '../packages/server/bin/holdfast.js');
const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-idle-'));
const env = {
  PATH: process.env.PATH,
  HOLDFAST_MAX_OPEN_UPLOADS: String(10 * uploads),
  HOLDFAST_WRITES_PER_MINUTE: '0',
  HOLDFAST_RESERVE_MB: '0',
};
const args = ['serve', '--data', dir, '--port', '0', '--no-pipeline', '--log-level', 'info'];
const server = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const url = await new Promise((resolve) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const { address } = JSON.parse(line);
      if (address !== undefined) resolve(address);
    });
  });
  const some = Math.round(uploads / 10);
  await create(url, some);
  const before = await settled();
  const began = performance.now();
  await create(url, uploads - some);
  const perSecond = Math.round((uploads - some) / ((performance.now() - began) / 1000));
  const after = await settled();
  const bytesEach = Math.round(((after - before) * 1024) / (uploads - some));
  console.log(
    JSON.stringify({ machine: machine(), uploads, kibBefore: before, kibAfter: after, bytesEach, perSecond }, null, 2),
  );
} finally {
  server.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}

/** KiB. */
async function settled() {
  await sleep(settleMs);
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

async function create(url, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await one(url, agent, left);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  agent.destroy();
}

function one(url, agent, number) {
  const body = JSON.stringify({ filename: `lecture ${number}.mp4`, size: 50_000_000 });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/uploads`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.once('end', () =>
        answer.statusCode === 201 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
