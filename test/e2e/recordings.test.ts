/**
 * A1, B6, C4–C7: a server process that is killed while lectures come in, again and again: what it acknowledged is there, what it did not is
 * asked for, and every file ends with the checksum that was declared, by MD5 too.
 */
import { expect, test } from 'vitest';
import { md5, RecordingsClient } from '../../packages/server/test/recordings-client.ts';
import { sha256, someBytes } from '../../packages/server/test/running-node.ts';
import { ServerProcess } from './server-process.ts';

const chunkBytes = 1024 * 1024;
const size = 6 * chunkBytes + 5;
const total = 7;
const env = { MAX_CHUNK_SIZE_MB: '1', HOLDFAST_RESERVE_MB: '0', CLEANUP_INTERVAL_MINUTES: '0.002' };

function clientOf(server: ServerProcess): RecordingsClient {
  return new RecordingsClient({ fetch: (path, init) => fetch(server.url + path, init) });
}

/** Sends all missing chunks at once; resolves to the numbers that were acknowledged. A server that dies in between answers nothing. */
async function sendMissing(client: RecordingsClient, id: string, bytes: Uint8Array): Promise<number[]> {
  const missing: number[] = (await client.recovery(id))['chunks_missing'];
  const sent = missing.map(async (number) => {
    const chunk = bytes.subarray((number - 1) * chunkBytes, number * chunkBytes);
    const answer = await client
      .chunk(id, number, chunk, { total_chunks: total, checksum: md5(chunk) })
      .catch(() => null);
    return answer?.status === 200 ? [number] : [];
  });
  return (await Promise.all(sent)).flat();
}

const points = [
  'receipt:before-write:2',
  'receipt:after-write:3',
  'receipt:after-sync:4',
  'receipt:after-commit:5',
  'completion:before-digest',
  'completion:after-digest',
  'completion:after-verified',
  'completion:after-place',
  'completion:after-commit',
];

test('killed at every point while a lecture with its MD5 comes in', async () => {
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  for (const point of points) {
    const bytes = someBytes(size);
    await server.restart({ HOLDFAST_TEST_CRASH_AT: point });
    const id = await clientOf(server).begin(size, { file_checksum: md5(bytes) });
    const acknowledged = await sendMissing(clientOf(server), id, bytes);
    await server.exit;
    await server.run();
    const client = clientOf(server);
    const missing: number[] = (await client.status(id))['missing_chunks'];
    expect(
      missing.filter((number) => acknowledged.includes(number)),
      `${point}: acknowledged and missing`,
    ).toEqual([]);
    await sendMissing(client, id, bytes);
    expect(await client.complete(id), point).toMatchObject({
      status: 200,
      body: {
        checksum_validated: true,
        file_checksum_actual: md5(bytes),
        final_file_url: `/v1/assets/${sha256(bytes)}/content`,
      },
    });
    for (let number = 1; number <= total; number += 1) {
      const chunk = bytes.subarray((number - 1) * chunkBytes, number * chunkBytes);
      expect(await client.chunk(id, number, chunk), `${point}: the receipt again`).toMatchObject({ status: 200 });
    }
    expect(await server.incoming()).toEqual([]);
  }
});

test('a second process on the same folder refuses to start, and the first one goes on', async () => {
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  await expect(ServerProcess.start({ args: ['--no-pipeline'], env, dataDir: server.dataDir })).rejects.toThrow(
    /in use|lock|uses/i,
  );
  const bytes = someBytes(size);
  const id = await clientOf(server).begin(size);
  await sendMissing(clientOf(server), id, bytes);
  expect(await clientOf(server).complete(id)).toMatchObject({ status: 200 });
});
