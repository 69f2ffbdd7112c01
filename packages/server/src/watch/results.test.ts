/** Results beside files: several at once, names that hardly fit. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testPipeline, testStep } from '../../test/pipeline-bench.ts';
import { sha256 } from '../../test/running-node.ts';
import { someMedia, WatchBench, type WatchWish } from '../../test/watch-bench.ts';
import { HoldfastError } from '../core/errors.ts';
import { silentLog } from '../core/ports/log.ts';
import type { StepDefinition } from '../pipeline/definition.ts';

let dir: string;
let watch: WatchBench;
let warnings: string[];

beforeEach(async () => {
  warnings = [];
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-results-'));
});
afterEach(async () => {
  await watch.close();
  await rm(dir, { recursive: true, force: true });
});

/** Leaves `x.summary.json` with the digest of the content. */
function summary(): StepDefinition {
  const step = testStep('one', path.join(dir, 'steps.log'), {
    attemptsMax: 1,
    work: ({ scratch, asset }) => writeFile(path.join(scratch, 'x.summary.json'), `{"of":"${asset.id}"}\n`),
  });
  const run: StepDefinition['run'] = async (context) => {
    const result = await step.run(context);
    return result.kind === 'done'
      ? { ...result, files: [{ name: 'x.summary.json', contentType: 'application/json' }] }
      : result;
  };
  return { ...step, run };
}

/** Everything ends first, so that all of it is delivered at once. */
async function delivered(
  names: Readonly<Record<string, Buffer>>,
  folder: WatchWish['folder'],
  before: () => void = () => {},
): Promise<void> {
  const steps = [summary()];
  const pipelines = [testPipeline(steps)];
  watch = await WatchBench.open(dir, { pipelines });
  for (const [name, bytes] of Object.entries(names)) await watch.write(name, bytes);
  await watch.watcher.start();
  const count = Object.keys(names).length;
  await watch.until(({ counts }) => counts.taken === count);
  await watch.watcher.stop();
  const runner = watch.bench.runner(steps);
  await runner.start();
  for (const bytes of Object.values(names))
    await expect
      .poll(async () => (await watch.bench.state.ledger.runsOf(sha256(bytes)))[0]?.state)
      .toMatch(/succeeded|failed/);
  await runner.stop();
  await watch.close();
  const log = { ...silentLog, warn: (_facts: unknown, message: string) => void warnings.push(message) };
  watch = await WatchBench.open(dir, { pipelines, log, folder: { results: 'beside', ...folder } });
  before();
  await watch.run();
}

const read = (name: string) => readFile(path.join(dir, 'in', name), 'utf8');
const about = (bytes: Buffer) => `{"of":"${sha256(bytes)}"}\n`;

it('copies of one content in one folder each have theirs, and nothing is left over', async () => {
  const bytes = someMedia(500);
  const names = Array.from({ length: 8 }, (_, i) => `talk-${i}.mp4`);
  await delivered(Object.fromEntries(names.map((name) => [name, bytes])), {});
  expect(warnings).toEqual([]);
  for (const name of names) expect(await read(name.replace('.mp4', '.summary.json'))).toBe(about(bytes));
  expect(await readdir(watch.in)).toHaveLength(16);
});

it('of two that would share a name at the same moment, none is lost', async () => {
  const [film, clip] = [someMedia(500), someMedia(600)];
  await delivered({ 'talk.mp4': film, 'talk.mov': clip }, {});
  expect((await readdir(watch.in)).filter((name) => name.endsWith('.json'))).toHaveLength(2);
  const [short, long] = [
    await read('talk.summary.json'),
    await read('talk.mov.summary.json').catch(() => read('talk.mp4.summary.json')),
  ];
  expect([short, long].sort()).toEqual([about(film), about(clip)].sort());
});

it('names that leave no room for what is added to them are cut', async () => {
  const bytes = someMedia(500);
  const name = `${'ä'.repeat(125)}.mp4`;
  await mkdir(path.join(dir, 'in', 'completed'), { recursive: true });
  await writeFile(path.join(dir, 'in', 'completed', name), 'somebody else’s');
  await delivered({ [name]: bytes }, { outcome: 'move' });
  const { counts, problems } = await watch.details();
  expect({ problems, done: counts.succeeded, moving: counts.moving + counts.ended }).toEqual({
    problems: [],
    done: 1,
    moving: 0,
  });
  expect((await readdir(path.join(watch.in, 'completed'))).sort()).toEqual([
    expect.stringMatching(/^ä{116}~[0-9a-f]{8}\.summary\.json$/),
    `${'ä'.repeat(123)} (2).mp4`,
    name,
  ]);
});

it('one whose results are lost in the store is told, and keeps no other from its own', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `talk-${String(i).padStart(2, '0')}.mp4`);
  const contents = names.map((name, i): [string, Buffer] => [name, someMedia(500 + i)]);
  await delivered(Object.fromEntries(contents), { outcome: 'move' }, () => {
    const { artifacts } = watch.bench.disk;
    const localFile = artifacts.localFile.bind(artifacts);
    let lost: string | null = null;
    artifacts.localFile = async (artifact) => {
      lost ??= artifact.sha256;
      // As of a bucket from which somebody removed the object.
      if (artifact.sha256 === lost) throw new HoldfastError('storage-damaged', 'The object store has no such object.');
      return await localFile(artifact);
    };
  });
  const { problems } = await watch.details();
  expect(problems).toEqual([expect.stringMatching(/^talk-\d\d\.mp4: The object store has no such object\.$/)]);
  const results = (await readdir(path.join(watch.in, 'completed'))).filter((name) => name.endsWith('.summary.json'));
  expect(results).toHaveLength(11);
});
