/** B6, E1: `serve --dispatcher pg-boss` on a node that takes uploads and one that processes them, which is away for a while. */
import type { Run } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { findWrong } from './cluster-check.ts';
import { ClusterClient, chunkBytes } from './cluster-uploads.ts';
import { seededBytes, seededRandom, sha256 } from './upload-driver.ts';

const env = { HOLDFAST_RESERVE_MB: '0', MAX_CHUNK_SIZE_MB: '1' };
const pipelines = `
default: false
pipelines:
  - name: sums
    steps:
      - name: sum
        command: [sha256sum, "{input}"]
        version: 1
        outputs: { sum: { file: "sum.txt", type: text/plain, from: stdout } }
      - name: count
        command: [wc, -c, "{artifact:sum/sum}"]
        version: 1
        needs: [sum]
        outputs: { count: { file: "count.txt", type: text/plain, from: stdout } }
`;

interface Health {
  readonly checks: readonly { readonly name: string; readonly detail: string }[];
}

test('steps reach the worker through pg-boss, also those that became due while it was dead', async () => {
  const dispatcher = ['--dispatcher', 'pg-boss'];
  await using cluster = await Cluster.start({
    nodes: [
      ['--role', 'web', ...dispatcher],
      ['--role', 'worker', ...dispatcher],
    ],
    env,
    pipelines,
  });
  const [web, worker] = cluster.nodes;
  if (!web || !worker) throw new Error('two nodes');
  const random = seededRandom(7);
  const client = new ClusterClient(() => web.server.url, random, Date.now() + 60_000);
  const send = async (name: string) => {
    const bytes = seededBytes(random, chunkBytes + 1);
    await client.send({ name, protocol: 'native', bytes });
    const path = `/v1/assets/${sha256(bytes)}/runs`;
    return async () => (await client.json<{ items: Run[] }>('GET', path)).body.items.map((run) => run.state);
  };
  await expect.poll(await send('first'), { interval: 100 }).toEqual(['succeeded']);
  const health = (await (await fetch(`${worker.server.url}/health`)).json()) as Health;
  expect(health.checks.find((check) => check.name === 'pipeline')?.detail).toContain('delivery pg-boss');

  await worker.server.kill();
  const second = await send('second');
  expect(await second()).not.toContain('succeeded');
  await worker.server.run();
  await expect.poll(second, { interval: 100 }).toEqual(['succeeded']);
  const { wrong, nodes, steps, attempts } = await findWrong(cluster.databaseUrl);
  expect({ wrong, nodes, steps, attempts }).toEqual({ wrong: [], nodes: [worker.name], steps: 4, attempts: 4 });
});
