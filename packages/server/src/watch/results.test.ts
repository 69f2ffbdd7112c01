/** Results beside files: several at once, names that hardly fit. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** Leaves `x.summary.json` with the digest of the content, and `x.transcript.txt` for contents of more than 700 bytes. */
function summary(): StepDefinition {
  const step = testStep('one', path.join(dir, 'steps.log'), {
    attemptsMax: 1,
    work: async ({ scratch, asset }) => {
      for (const name of namesFor(asset)) await writeFile(path.join(scratch, name), `{"of":"${asset.id}"}\n`);
    },
  });
  const namesFor = ({ size }: { size: number }) =>
    size > 700 ? ['x.summary.json', 'x.transcript.txt'] : ['x.summary.json'];
  const run: StepDefinition['run'] = async (context) => {
    const result = await step.run(context);
    const files = namesFor(context.asset).map((name) => ({ name, contentType: 'application/json' }));
    return result.kind === 'done' ? { ...result, files } : result;
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

it('what cannot be delivered is tried again with every look at the folder, not with every run that ends anywhere', async () => {
  let [tries, lost] = [0, true];
  await delivered({ 'talk.mp4': someMedia(500) }, {}, () => {
    const { artifacts } = watch.bench.disk;
    const localFile = artifacts.localFile.bind(artifacts);
    artifacts.localFile = async (artifact) => {
      tries += 1;
      if (lost) throw new HoldfastError('unavailable', 'The store is away.');
      return await localFile(artifact);
    };
  });
  const { folder, problems } = await watch.details();
  expect(problems).toEqual(['talk.mp4: The store is away.']);
  let before = -1;
  // Looks at the folder that were asked for already.
  while (before !== tries) {
    before = tries;
    await sleep(500);
  }
  for (let i = 0; i < 6; i += 1) {
    await watch.bench.addSomething(testPipeline([summary()]));
    await sleep(150);
  }
  expect(tries).toBe(before);
  lost = false;
  await watch.watcher.scan(folder.id);
  await expect.poll(() => read('talk.summary.json').catch(() => '')).toContain('"of"');
  expect((await watch.details()).problems).toEqual([]);
});

/** A watched folder whose files are processed as they come. */
async function working(folder: WatchWish['folder']): Promise<void> {
  const steps = [summary()];
  watch = await WatchBench.open(dir, { pipelines: [testPipeline(steps)], folder: { results: 'beside', ...folder } });
  await watch.bench.runner(steps).start();
  await watch.watcher.start();
}
async function put(name: string, bytes: Buffer): Promise<void> {
  await writeFile(path.join(dir, 'new'), bytes);
  await rename(path.join(dir, 'new'), path.join(watch.in, name));
  await watch.settled();
}

it('those of a content that was replaced by another of the same name do not stay', async () => {
  const [first, second, other] = [someMedia(1_000), someMedia(600), someMedia(550)];
  await working({});
  await put('talk.mp4', first);
  await put('talk.mov', other);
  await writeFile(path.join(watch.in, 'talk.logline.txt'), 'somebody wrote this');
  await put('talk.mp4', second);
  expect(await read('talk.summary.json')).toBe(about(second));
  expect(await read('talk.mov.summary.json')).toBe(about(other));
  expect((await readdir(watch.in)).sort()).toEqual([
    ...['talk.logline.txt', 'talk.mov', 'talk.mov.summary.json', 'talk.mp4', 'talk.summary.json'],
  ]);
});

it('those of a content that has another name now are found under that one only', async () => {
  const [first, second] = [someMedia(600), someMedia(550)];
  await working({});
  await put('talk.mp4', first);
  await rename(path.join(watch.in, 'talk.mp4'), path.join(watch.in, 'old.mp4'));
  await put('talk.mp4', second);
  expect([await read('talk.summary.json'), await read('old.summary.json')]).toEqual([about(second), about(first)]);
  // As the short name of both.
  await rename(path.join(watch.in, 'talk.mp4'), path.join(watch.in, 'talk.mov'));
  await put('talk.mp4', first);
  expect([await read('talk.summary.json'), await read('talk.mp4.summary.json')]).toEqual([about(second), about(first)]);
});

it('files of one name that come one after the other to be moved each have theirs in a folder of results', async () => {
  const contents = [someMedia(600), someMedia(550), someMedia(500)];
  await working({ outcome: 'move', results: path.join(dir, 'results') });
  for (const bytes of contents) await put('talk.mp4', bytes);
  const names = ['talk.summary.json', 'talk (2).summary.json', 'talk (3).summary.json'];
  const texts = await Promise.all(names.map((name) => readFile(path.join(dir, 'results', name), 'utf8')));
  expect(texts).toEqual(contents.map(about));
  // Somebody took the first away.
  await rm(path.join(watch.in, 'completed', 'talk.mp4'));
  const last = someMedia(450);
  await put('talk.mp4', last);
  expect((await readdir(path.join(dir, 'results'))).sort()).toEqual([...names].sort());
  expect(await readFile(path.join(dir, 'results', 'talk.summary.json'), 'utf8')).toBe(about(last));
});
