/** What the figures were measured on, in words that fit any machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** CPU seconds to hash 1 GiB with one core, as `openssl speed` says; null without openssl. */
function opensslSecondsPerGiB() {
  const args = ['speed', '-mr', '-evp', 'sha256', '-bytes', '1048576', '-seconds', '2'];
  const { stdout, status } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) return null;
  const bytesPerSecond = Number(/^\+F:\d+:[^:]*:([\d.]+)/m.exec(stdout)?.[1]);
  return bytesPerSecond > 0 ? 1024 ** 3 / bytesPerSecond : null;
}

export function machine() {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? '';
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    shaExtensions: /\b(?:sha_ni|sha2)\b/.test(flags),
    opensslSecondsPerGiB: opensslSecondsPerGiB(),
    node: process.version,
  };
}
