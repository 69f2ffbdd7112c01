/** A3, A4: an upload of the IETF draft whose server dies at any point: every offset that was told, in an answer or in a 104, is kept. */
import { expect, test } from 'vitest';
import { append, begin, created, head, offsetOf, open } from '../../packages/server/test/ietf-exchange.ts';
import { sha256, someBytes } from '../../packages/server/test/running-node.ts';
import { ServerProcess } from './server-process.ts';

const arms = [
  ...['append:before-write', 'append:after-write', 'append:after-sync', 'append:after-commit'].flatMap((point) => [
    `${point}:1`,
    `${point}:3`,
  ]),
  ...['before-digest', 'after-digest', 'after-verified', 'after-place', 'after-commit'].map(
    (point) => `completion:${point}`,
  ),
];
const partBytes = 300_000;
// More than what is hashed while it is received: then verifying has all of its steps.
const fileBytes = 4 * partBytes;

interface Told {
  /** The highest offset that the server told. */
  readonly offset: number;
  readonly final: boolean;
}

/** Sends parts until the server dies or the last one is answered. */
async function sendParts(server: ServerProcess, path: string, bytes: Uint8Array): Promise<Told> {
  let told = 0;
  for (let offset = 0; offset < bytes.length; offset += partBytes) {
    const end = offset + partBytes === bytes.length;
    const connection = await open(server);
    try {
      const body = bytes.subarray(offset, offset + partBytes);
      const flags = [`Upload-Offset: ${offset}`, `Upload-Complete: ${end ? '?1' : '?0'}`];
      begin(connection, {
        method: 'PATCH',
        path,
        headers: ['Content-Type: application/partial-upload', ...flags],
        body,
      });
      connection.send(body);
      for (let status = 104; status < 200; ) {
        const answer = await connection.answer().catch(() => null);
        if (answer === null) return { offset: told, final: false };
        told = Math.max(told, offsetOf(answer));
        ({ status } = answer);
      }
    } finally {
      connection.destroy();
    }
  }
  return { offset: told, final: true };
}

test.concurrent.each(['committed', 'synced'])(
  'killed at every crash point of append and completion, durability %s',
  async (durability) => {
    await using server = await ServerProcess.start({
      args: ['--no-pipeline', '--durability', durability],
      env: { HOLDFAST_RESERVE_MB: '0' },
    });
    for (const arm of arms) {
      await server.restart({ HOLDFAST_TEST_CRASH_AT: arm });
      const bytes = someBytes(fileBytes);
      const path = await created(server);
      const told = await sendParts(server, path, bytes);
      // After the commit that completes it, the answer may still have gone out.
      if (told.final) expect(arm).toBe('completion:after-commit');
      expect(await server.exit, arm).toMatchObject({ signal: 'SIGKILL' });
      await server.run();
      const found = await head(server, path);
      const offset = offsetOf(found);
      expect(offset, arm).toBeGreaterThanOrEqual(told.offset);
      const last = await append(server, path, { offset, complete: true, body: bytes.subarray(offset) });
      expect(last, arm).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
      await server.kill();
    }
  },
);
