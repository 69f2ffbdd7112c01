/**
 * D1–D5: a folder of twenty films, killed ten times on the way. Fifteen distinct good ones are processed once each, copies are known
 * under both names, three broken ones are set aside with reasons, no finished step is repeated, and last week's work can be asked for.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact, Asset, LogEvent, Run, SearchResults } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtInSteps } from '../../packages/server/src/pipeline/steps/registry.ts';
import { scoreCuts } from './film.ts';
import { type FilmLibrary, makeFilmLibrary } from './film-library.ts';
import { environment, holdfast, nodeBinary, program, ServerProcess } from './server-process.ts';

const kills = 10;
/** Text on screen is left out: it is not what is killed here, and takes as long as everything else. */
let env: Readonly<Record<string, string>> = { HOLDFAST_RESERVE_MB: '0', HOLDFAST_TEXT_ENGINE: 'none' };

let root: string;
let folder: string;
let data: string;
let library: FilmLibrary;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-films-'));
  folder = join(root, 'films');
  data = join(root, 'data');
  await mkdir(folder);
  // A step that goes down with its server is suspected after a few times; here it is the server's fault each time.
  const patient = builtInSteps.map(({ name }) => `      - { name: ${name}, retries: { attempts: ${kills + 5} } }`);
  const definitions = join(root, 'patient.yaml');
  await writeFile(
    definitions,
    ['pipelines:', '  - name: media', '    extends: media', '    steps:', ...patient, ''].join('\n'),
  );
  env = { ...env, HOLDFAST_PIPELINES: definitions };
  library = await makeFilmLibrary(folder, join(root, 'scratch'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test('D1–D5: twenty films by one command, killed ten times', async () => {
  const command = ['watch', folder, '--once', '--settle', '0.5', '--data', data, '--json'];
  for (let kill = 0; kill < kills; kill += 1) await killedAfter(command, 700 + ((kill * 7_919) % 1_600));
  const done = await holdfast(command, env);
  // 1 if one of the broken files had not been looked at before the last kill.
  expect([0, 1], done.stderr).toContain(done.code);
  const lines = done.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.at(-1)).toMatchObject({ event: 'summary', left: [], unreachable: [] });

  await using server = await ServerProcess.start({ dataDir: data, env });
  const get = async <T>(path: string): Promise<T> => (await fetch(server.url + path)).json() as Promise<T>;
  const asked = await holdfast(['runs', '--since', '7d', '--json', '--server', server.url]);
  const { items: runs } = JSON.parse(asked.stdout) as { items: (Run & { assetName: string })[] };
  expect(runs.filter((run) => run.state === 'succeeded')).toHaveLength(library.films.length);
  expect(new Set(runs.map((run) => run.assetId)).size, 'one run for each content').toBe(runs.length);
  const failed = runs.filter((run) => run.state === 'failed');
  expect(failed.map((run) => run.assetName).sort()).toEqual([...library.broken].sort());
  for (const run of failed) {
    const probe = run.steps.find((step) => step.name === 'probe');
    expect(probe, run.assetName).toMatchObject({ state: 'failed', reason: expect.stringMatching(/^The file is /) });
  }
  for (const run of runs) await expectOnce(run, (path) => get(path));

  const { items: assets } = await get<{ items: Asset[] }>('/v1/assets?limit=100');
  expect(assets).toHaveLength(library.films.length + library.broken.length);
  for (const [copy, film] of Object.entries(library.copies)) {
    const names = assets.map((asset) => asset.sources.map((source) => source.watched?.path ?? ''));
    expect(names).toContainEqual(expect.arrayContaining([copy, film]));
  }
  for (const film of library.films) {
    const asset = assets.find((one) => one.sources.some((source) => source.filename === film.name));
    const found = await cutsOf(asset?.id ?? '', get);
    expect(scoreCuts(film.cuts, found, 0.1), `${film.name}: ${found}`).toBeGreaterThan(0.9);
  }
  const heard = await get<SearchResults>('/v1/search?q=budget');
  expect(heard.items.filter((hit) => hit.kind === 'speech').length).toBeGreaterThan(0);
}, 400_000);

/** Starts the command and kills it with everything that it started. One that ends by itself before is as good. */
async function killedAfter(command: readonly string[], ms: number): Promise<void> {
  const child = spawn(nodeBinary, [program, ...command], { env: environment(env), stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await Promise.race([ended, sleep(ms)]);
  child.kill('SIGKILL');
  await ended;
}

/** The ledger's own account: each step ended once, and none was started again after it had succeeded. */
async function expectOnce(run: Run, get: <T>(path: string) => Promise<T>): Promise<void> {
  const { items } = await get<{ items: LogEvent[] }>(`/v1/runs/${run.id}/events?limit=1000`);
  expect(items.filter((event) => event.type === `run.${run.state}`)).toHaveLength(1);
  for (const step of run.steps) {
    const of = (type: string) => items.filter((event) => event.type === type && event.data['step'] === step.name);
    const [ended, ...again] = [...of('step.succeeded'), ...of('step.skipped'), ...of('step.failed')];
    expect(again, `${step.name} ended once`).toEqual([]);
    expect(ended?.type).toBe(`step.${step.state}`);
    for (const start of of('step.started')) expect(start.seq).toBeLessThan(ended?.seq ?? 0);
  }
}

async function cutsOf(assetId: string, get: <T>(path: string) => Promise<T>): Promise<number[]> {
  const { items } = await get<{ items: Artifact[] }>(`/v1/assets/${assetId}/artifacts`);
  const analytic = items.find((artifact) => artifact.name.endsWith('.analytic.json'));
  const { video } = await get<{ video: { shots: { start: number }[] } }>(analytic?.url ?? '');
  return video.shots.slice(1).map((shot) => shot.start);
}
