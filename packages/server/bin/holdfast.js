#!/usr/bin/env node
// Starts the command line on a Node that can run it: native packages (Node-API 10, from Node.js 22.14) crash older ones instead of saying what is wrong.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, '..', 'dist');
const main = entry(join(dist, 'bin', 'main.js'), join(dist, 'cli', 'main.js'));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (main === null) {
  console.error(
    'Holdfast is not built yet. In a clone, run `npm start` once (it installs and builds), or `npm run build`.',
  );
  process.exitCode = 1;
} else if (major > 22 || (major === 22 && minor >= 14)) {
  // The young generation stays small and with it the server's memory: what passes through it are buffers, which lie outside the heap.
  setFlagsFromString('--semi-space-growth-factor=1');
  // So small a one is collected sooner by the thread that fills it than by waking others for it: 0.94 to 0.96 times the CPU.
  setFlagsFromString('--no-parallel-scavenge');
  // The old generation is collected when it has grown by so much. V8 would wait for more after many small uploads, and not so long while 16 senders' bodies lie outside the heap.
  setFlagsFromString('--heap-growing-percent=70');
  // The pool writes and syncs files. Twice the cores: with 16 threads on two cores, 16 senders were 5 to 10 % slower. Counts when it is first used.
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, 2 * availableParallelism()));
  await import(main);
} else {
  const newer = [join(here, '../../../node_modules/.bin/node'), join(here, '../../.bin/node')].find(existsSync);
  if (newer) {
    const child = spawn(newer, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
      stdio: 'inherit',
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('exit', (code) => process.exit(code ?? 1));
  } else {
    console.error(`Holdfast needs Node.js 22.14 or newer; this is ${process.versions.node}.`);
    process.exitCode = 1;
  }
}

/** The bundle, unless something was compiled since it was made. */
function entry(bundle, modules) {
  if (!existsSync(bundle)) return existsSync(modules) ? modules : null;
  const made = statSync(bundle).mtimeMs;
  const marks = join(dist, '.tsbuildinfo');
  const stale = existsSync(marks) && readdirSync(marks).some((name) => statSync(join(marks, name)).mtimeMs > made);
  return stale && existsSync(modules) ? modules : bundle;
}
