/** Ports for servers that have to be told theirs before they listen. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections and to those who ask for any (32768 and up), so that none of them comes between. */
const range = { from: 20_000, to: 32_000 } as const;
const triesMax = 100;
const given = new Set<number>();

/** A port of loopback on which nothing listens; never the same twice in a process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(range.from, range.to);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port between ${range.from} and ${range.to} in ${triesMax} tries.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
