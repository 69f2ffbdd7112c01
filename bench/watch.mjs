/**
 * 10,000 small files in a watched folder: how fast they are taken, what a second look costs, how much memory it takes. By hand:
 *
 *     npx tsc -b && node bench/watch.mjs [files=10000] [bytes=4096] [take=copy] [pipeline=off|one]
 *
 * Files per second from the start of the process to its end, the settle time of 1 s taken off; peak resident memory from /proc. The
 * pipeline is off, so that the taking is measured, or has one step, a command that does nothing, so that the ledger and the start of a
 * program are measured too. Memory is also sampled over time: it must not grow with the files.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine } from './machine.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const files = Number(given.files ?? 10_000);
const bytes = Number(given.bytes ?? 4_096);
const take = given.take ?? 'copy';
const pipeline = given.pipeline ?? 'off';
const settleSeconds = 1;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const program = join(root, 'packages/server/dist/cli/main.js');

const oneStep = `default: false
pipelines:
  - name: one
    applies: { types: ["*/*"] }
    steps:
      - name: nothing
        command: ["true"]
        version: 1
`;

const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-watch-'));
try {
  for (let i = 0; i < files; i += 1) {
    const folder = join(dir, 'in', `d${i % 100}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${i}.mp4`), Buffer.concat([Buffer.from('HFMEDIA\0'), randomBytes(bytes - 8)]));
  }
  writeFileSync(join(dir, 'one.yaml'), oneStep);
  const first = await watchOnce();
  const second = await watchOnce();
  const perSecond = Math.round(files / (first.seconds - settleSeconds));
  console.log(
    JSON.stringify(
      { machine: machine(), files, bytes, take, pipeline, filesPerSecond: perSecond, first, second },
      null,
      2,
    ),
  );
} finally {
  rmSync(dir, { recursive: true });
}

async function watchOnce() {
  const started = performance.now();
  const args = ['watch', join(dir, 'in'), '--once', '--take', take, '--settle', String(settleSeconds), '--json'];
  const steps = pipeline === 'one' ? { HOLDFAST_PIPELINES: join(dir, 'one.yaml') } : { HOLDFAST_PIPELINE: 'false' };
  const child = spawn(process.execPath, [program, ...args, '--data', join(dir, 'data')], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...steps },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = '';
  child.stdout.on('data', (data) => {
    last = (last + data).slice(-4_000);
  });
  const peaks = { residentMiB: 0, readMB: 0 };
  const overTime = [];
  const timer = setInterval(() => sample(child.pid, peaks), 100);
  const slow = setInterval(() => overTime.push(peaks.nowMiB), 10_000);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  clearInterval(slow);
  delete peaks.nowMiB;
  const summary = JSON.parse(last.trimEnd().split('\n').at(-1));
  return {
    seconds: Math.round((performance.now() - started) / 100) / 10,
    code,
    taken: summary.taken,
    ...peaks,
    overTime,
  };
}

function sample(pid, peaks) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    peaks.nowMiB = Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
    const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]);
    peaks.residentMiB = Math.round(kib / 1024);
    peaks.readMB = Math.round(Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]) / 1e6);
  } catch {
    // It has ended.
  }
}
