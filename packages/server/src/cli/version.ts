/** Of this package, and of the Node.js that runs it. */
import { readFileSync } from 'node:fs';
import { HoldfastError } from '../core/errors.ts';

/** The version of the package that this file is in, from source and from dist alike. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

/** Native packages (Node-API 10, from Node.js 22.14) crash older ones instead of saying what is wrong. Throws `unavailable`. */
export function refuseOldNode(): void {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 14)) return;
  throw new HoldfastError('unavailable', `Holdfast needs Node.js 22.14 or newer; this is ${node}.`);
}
