/** Command steps as the runner runs them: real programs, real files, the real ledger. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from '../../../test/pipeline-bench.ts';
import { artifactPath, assetPath } from '../../testing/local-paths.ts';
import { defaultPipeline } from '../default-pipeline.ts';
import type { Pipeline } from '../definition.ts';
import { loadDefinitions } from '../definitions/load-definitions.ts';
import { builtInSteps } from '../steps/registry.ts';

let dir: string;
let bench: Bench;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-command-'));
  bench = await Bench.open(dir);
});
afterEach(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

const environment = { PATH: '/usr/bin:/bin', HOLDFAST_API_KEYS: 'secret', TOKEN: 'of the server', LANG: 'de_DE' };

/** The pipeline `own` of these steps, as YAML flow maps. */
function pipeline(...steps: string[]): Pipeline {
  const text = `pipelines: [{ name: own, steps: [${steps.join(',\n  ')}] }]`;
  const around = {
    builtInSteps,
    base: defaultPipeline,
    classes: { light: 2 },
    environment,
    prlimit: '/usr/bin/prlimit',
    isolation: null,
  };
  const found = loadDefinitions([{ name: 'own.yaml', text }], around).pipelines.find((one) => one.name === 'own');
  if (!found) throw new Error('no pipeline');
  return found;
}

/** A step `work` whose command is a shell script. */
function script(text: string, more = ''): string {
  return `{ name: work, version: 1, command: [/bin/sh, -c, ${JSON.stringify(text)}, sh, "{input}"], retries: { attempts: 2, initial: 1ms } ${more} }`;
}

async function ended(own: Pipeline, name = 'talk one.mp4') {
  const id = await bench.add(Buffer.from('the content'), name, own);
  await bench.runner(own.steps).start();
  const run = await bench.ended(id);
  return { id, run, step: run.steps.find((one) => one.name === 'work') };
}

describe('a command', () => {
  it('D3: reads the asset, writes named files, and its JSON becomes output; another command reads them', async () => {
    const scan = path.join(dir, 'scan.sh');
    await writeFile(scan, `echo "{\\"bytes\\": $(wc -c < "$1"), \\"depth\\": $DEPTH}" > "$2"\n`);
    const own = pipeline(
      `{ name: scan_video, version: 3, with: { depth: 2 }, env: { DEPTH: "{param:depth}" },
         command: [/bin/sh, ${scan}, "{input}", "{output:analytic}"],
         outputs: { analytic: { file: "{name}.analytic.json", type: application/json } } }`,
      `{ name: absent, version: 1, command: [/no/such/program] }`,
      `{ name: summarize_scene, version: 1, needs: [scan_video], wants: [absent],
         command: [/bin/sh, -c, 'echo "$#"; cat "$1"', sh, "{artifact:scan_video/analytic}", [--extra, "{artifact:absent/x}"], "{artifact:scan_video/talk one.analytic.json}"],
         outputs: { summary: { file: "{name}.summary.txt", type: text/plain, from: stdout } } }`,
    );
    const { id, run } = await ended(own);
    expect(run.steps.map(({ name, state }) => [name, state])).toEqual([
      ['scan_video', 'succeeded'],
      ['absent', 'skipped'],
      ['summarize_scene', 'succeeded'],
    ]);
    expect(run.steps[0]?.output).toMatchObject({
      analytic: 'talk one.analytic.json',
      data: { analytic: { bytes: 11, depth: 2 } },
      engine: 'sh',
      engineVersion: '3',
      params: { depth: 2 },
      inputSha256: id,
    });
    expect(run.steps[1]?.reason).toMatch(/^\/no\/such\/program is not there or cannot be run: install it/);
    const artifacts = await bench.state.ledger.artifacts(id);
    expect(artifacts.map((one) => [one.name, one.contentType]).sort()).toEqual([
      ['talk one.analytic.json', 'application/json'],
      ['talk one.summary.txt', 'text/plain'],
    ]);
    const summary = await artifactPath(bench.disk.artifacts, run.steps[2]?.key ?? '', 'talk one.summary.txt');
    expect(await readFile(summary, 'utf8')).toBe('2\n{"bytes": 11, "depth": 2}\n');
  });

  it('sees no shell words in names, and of the environment only what is listed', async () => {
    const own = pipeline(
      `{ name: work, version: 1, env: { OWN: "{name}" }, inherit: [TOKEN, NOT_THERE], command: [/usr/bin/env],
         outputs: { env: { file: env.txt, type: text/plain, from: stdout } } }`,
    );
    const { step } = await ended(own, '$(id) `id` ;x.mp4');
    const text = await readFile(await artifactPath(bench.disk.artifacts, step?.key ?? '', 'env.txt'), 'utf8');
    const names = text
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .sort();
    expect(names).toEqual(['HOLDFAST_SCRATCH', 'LANG', 'LC_ALL', 'OWN', 'PATH', 'TMPDIR', 'TOKEN']);
    expect(text).toMatch(/^OWN=_id_ _id_ _x$/m);
    expect(JSON.stringify(step)).not.toContain('of the server');
  });

  it.each([
    [
      'a code of no meaning is tried again',
      'echo no luck >&2; exit 3',
      '',
      2,
      'failed',
      /^work ended with exit code 3: no luck$/,
    ],
    [
      'a code that means never',
      'echo bad file >&2; exit 65',
      ', exitCodes: { never: [65] }',
      1,
      'failed',
      /exit code 65: bad file$/,
    ],
    ['a code that means again', 'exit 75', ', exitCodes: { retry: [75] }', 2, 'failed', /exit code 75\.$/],
    [
      'with codes to try again, others are final',
      'exit 3',
      ', exitCodes: { retry: [75] }',
      1,
      'failed',
      /exit code 3\.$/,
    ],
    [
      'a code that means skip',
      'echo first >&2; echo no speech in it >&2; exit 69',
      ', exitCodes: { skip: [69] }',
      1,
      'skipped',
      /^no speech in it$/,
    ],
    ['its own death', 'kill -9 $$', '', 2, 'failed', /killed by SIGKILL/],
    ['too long', 'sleep 60', ', timeout: 300ms', 2, 'failed', /longer than 0\.3 s/],
    [
      'too much CPU time',
      'while :; do :; done',
      ', limits: { cpu: 1s }',
      1,
      'failed',
      /killed by SIGXCPU: its limit of CPU time was used up/,
    ],
    ['too large a file', 'head -c 100000 /dev/zero > x', ', limits: { fileSize: 4kB }', 2, 'failed', /./],
    [
      'too much memory',
      'exec dd if=/dev/zero of=/dev/null bs=200M count=1',
      ', limits: { memory: 100MB }',
      2,
      'failed',
      /memory exhausted/,
    ],
    [
      'no output',
      'true',
      ', outputs: { a: { file: a.txt, type: text/plain } }',
      2,
      'failed',
      /left no a\.txt \(output a\)/,
    ],
    [
      'a link in place of an output',
      'ln -s /etc/passwd a.txt',
      ', outputs: { a: { file: a.txt, type: text/plain } }',
      2,
      'failed',
      /left no a\.txt/,
    ],
    [
      'too large an output',
      'echo 12345 > a.txt',
      ', outputs: { a: { file: a.txt, type: text/plain, maxSize: 5B } }',
      2,
      'failed',
      /has 6 bytes; its definition allows 5/,
    ],
    [
      'too long a standard output',
      'yes',
      ', outputs: { a: { file: a.txt, type: text/plain, maxSize: 5kB, from: stdout } }',
      2,
      'failed',
      /wrote more than 5000 bytes/,
    ],
    [
      'broken JSON',
      'echo "[" > a.json',
      ', outputs: { a: { file: a.json, type: application/json } }',
      2,
      'failed',
      /a\.json \(output a\) is not well-formed JSON/,
    ],
    [
      'an output that may be missing',
      'true',
      ', outputs: { a: { file: a.txt, type: text/plain, required: false } }',
      1,
      'succeeded',
      /^null$/,
    ],
  ])('%s', async (_what, text, more, attempts, state, reason) => {
    const { step } = await ended(pipeline(script(text, more)));
    expect({ state: step?.state, attempt: step?.attempt }).toEqual({ state, attempt: attempts });
    expect(String(step?.reason)).toMatch(reason);
  });

  it('tells its progress by lines', async () => {
    const file = path.join(dir, 'go');
    const own = pipeline(
      script(`echo hello; echo progress 0.25; printf 'progress 0.5\\r'; while [ ! -e ${file} ]; do sleep 0.02; done`),
    );
    const id = await bench.add(Buffer.from('x'), 'a.mp4', own);
    await bench.runner(own.steps, { leaseMs: 300 }).start();
    await expect.poll(async () => (await bench.run(id)).steps[0]?.progress, { timeout: 5_000 }).toBe(0.5);
    await writeFile(file, '');
    expect((await bench.ended(id)).state).toBe('succeeded');
  });

  it('dies with all that it started when the server stops, and is due again', async () => {
    const file = path.join(dir, 'pid');
    const own = pipeline(script(`sleep 600 & echo $! > ${file}; wait`));
    const id = await bench.add(Buffer.from('x'), 'a.mp4', own);
    const runner = bench.runner(own.steps);
    await runner.start();
    const pid = () => readFile(file, 'utf8').then(Number, () => 0);
    await expect.poll(pid, { timeout: 5_000 }).toBeGreaterThan(1);
    await runner.stop();
    const child = await pid();
    await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
    expect((await bench.run(id)).steps[0]).toMatchObject({ state: 'pending', attempt: 0 });
  });

  it('is not run when the configuration no longer has it, whatever the ledger says', async () => {
    const file = path.join(dir, 'ran');
    const [old, now] = [pipeline(script(`touch ${file}`)), pipeline(script('true'))];
    const id = await bench.add(Buffer.from('x'), 'a.mp4', old);
    await bench.runner(now.steps).start();
    const { steps } = await bench.ended(id);
    expect(steps[0]).toMatchObject({ state: 'skipped' });
    expect(steps[0]?.reason).toMatch(/no longer what the server's pipelines say: "holdfast pipelines apply"/);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('builds the arguments of a container', async () => {
    const docker = path.join(dir, 'docker');
    await writeFile(docker, '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done > "$(dirname "$0")/arguments"\n');
    await chmod(docker, 0o755);
    const own = pipeline(
      `{ name: work, version: "sha256:abc", command: [${docker}, run, --rm, --init, --network=none, --read-only,
         -v, "{input}:/in/media:ro", -v, "{scratch}:/out", "registry.example/asr@sha256:abc", /in/media, "/out/{file:text}"],
         outputs: { text: { file: "{name}.txt", type: text/plain, required: false } } }`,
    );
    const { id, step } = await ended(own);
    expect(step?.state).toBe('succeeded');
    const words = (await readFile(path.join(dir, 'arguments'), 'utf8')).trim().split('\n');
    expect(words).toEqual([
      'run',
      '--rm',
      '--init',
      '--network=none',
      '--read-only',
      '-v',
      `${await assetPath(bench.disk.blobs, id)}:/in/media:ro`,
      '-v',
      expect.stringMatching(/\/scratch\/[0-9a-f]{64}-1:\/out$/),
      'registry.example/asr@sha256:abc',
      '/in/media',
      '/out/talk one.txt',
    ]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
