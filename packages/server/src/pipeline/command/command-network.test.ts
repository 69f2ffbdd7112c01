/** D6: the network of commands, with real programs and the kernel's own namespaces. */
import { mkdtemp, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Bench } from '../../../test/pipeline-bench.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { artifactPath } from '../../testing/local-paths.ts';
import { defaultPipeline } from '../default-pipeline.ts';
import { loadDefinitions } from '../definitions/load-definitions.ts';
import { networkFence } from '../media/network-fence.ts';
import { builtInSteps } from '../steps/registry.ts';

let dir: string;
let bench: Bench;
let isolation: readonly string[] | null;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-network-'));
  bench = await Bench.open(dir);
  const signal = new AbortController().signal;
  isolation = await networkFence({ unshare: '/usr/bin/unshare', program: '/bin/true', clock: systemClock, signal });
});
afterAll(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

/** In which network namespace a command finds itself. */
async function seen(from: readonly string[] | null, more: string): Promise<{ network: unknown; net: string }> {
  const around = {
    builtInSteps,
    base: defaultPipeline,
    classes: { light: 2 },
    environment: { PATH: '/usr/bin:/bin' },
    prlimit: '/usr/bin/prlimit',
    isolation: from,
  };
  const step = `{ name: work, version: 1, command: [readlink, /proc/self/ns/net],
    outputs: { net: { file: net.txt, type: text/plain, from: stdout } }${more} }`;
  const text = `pipelines: [{ name: own, steps: [${step}] }]`;
  const own = loadDefinitions([{ name: 'own.yaml', text }], around).pipelines.find((one) => one.name === 'own');
  if (!own) throw new Error('no pipeline');
  // Content of its own, so that no result is taken from the ledger.
  const id = await bench.add(Buffer.from(`${from} ${more}`), 'a.mp4', own);
  const runner = bench.runner(own.steps);
  await runner.start();
  const key = (await bench.ended(id)).steps[0]?.key ?? '';
  await runner.stop();
  const net = (await readFile(await artifactPath(bench.disk.artifacts, key, 'net.txt'), 'utf8')).trim();
  return { network: own.steps[0]?.params['network'], net };
}

it('D6: a command has no network unless its definition says so, in a parameter that is part of its key', async (context) => {
  if (isolation === null) return context.skip('this kernel or container gives no network namespaces');
  const own = await readlink('/proc/self/ns/net');
  const closed = await seen(isolation, '');
  expect(closed.net).toMatch(/^net:/);
  expect(closed.net).not.toBe(own);
  expect(closed.network).toBe(false);
  expect(await seen(isolation, ', network: true')).toEqual({ net: own, network: true });
});

it('D6: a command runs with the network where the kernel cannot take it away', async () => {
  expect((await seen(null, '')).net).toBe(await readlink('/proc/self/ns/net'));
});
