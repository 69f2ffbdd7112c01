/** What definition files give. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { applies } from '../applies.ts';
import { definePipeline } from '../definition.ts';
import { planRun } from '../plan.ts';
import { loglineGeneratorStep } from '../steps/logline-generator.ts';
import { probeStep } from '../steps/probe.ts';
import { scanVideoStep } from '../steps/scan-video.ts';
import { summarizeSceneStep } from '../steps/summarize-scene.ts';
import { loadDefinitions } from './load-definitions.ts';

const base = definePipeline({
  name: 'media',
  steps: [probeStep, scanVideoStep, summarizeSceneStep, loglineGeneratorStep],
});
const around = {
  builtInSteps: base.steps,
  base,
  classes: { light: 2, media: 1 },
  environment: { PATH: '/usr/bin:/bin' },
  prlimit: '/usr/bin/prlimit',
  isolation: null,
};
const load = (...texts: string[]) =>
  loadDefinitions(
    texts.map((text, i) => ({ name: texts.length === 1 ? 'p.yaml' : `p${i}.yaml`, text })),
    around,
  );
const asset = { id: 'a'.repeat(64), size: 5_000, contentType: 'video/mp4', createdAt: 0 };

const step = (...lines: string[]) =>
  ['pipelines:', '  - name: own', '    steps:', ...lines.map((line) => `      ${line}`)].join('\n');

describe('what definitions give', () => {
  it('is the built-in pipeline when there is no file', () => {
    expect(load()).toEqual({ pipelines: [base], classes: around.classes, clusterClasses: {} });
  });

  it('has classes with places on each node, and on all nodes together', () => {
    const { classes, clusterClasses } = load(`
classes:
  light: 3
  media: { cluster: 4 }
  heavy: { perNode: 1, cluster: 2 }
  wide: { cluster: 1000 }
  own: { perNode: 5 }
pipelines: []`);
    expect(classes).toEqual({ light: 3, media: 1, heavy: 1, wide: 256, own: 5 });
    expect(clusterClasses).toEqual({ media: 4, heavy: 2, wide: 1000 });
  });

  it('is the built-in one beside those of the files, unless a file takes its name or leaves it out', () => {
    const names = (text: string) => load(text).pipelines.map((pipeline) => pipeline.name);
    expect(names(step('- uses: probe'))).toEqual(['media', 'own']);
    expect(names(`default: false\n${step('- uses: probe')}`)).toEqual(['own']);
    expect(names(step('- uses: probe').replace('own', 'media'))).toEqual(['media']);
    expect(names('pipelines: []')).toEqual(['media']);
    expect(names('default: false\npipelines: []')).toEqual([]);
  });

  it('changes steps of what it extends, takes some away and adds others, in an order that works', () => {
    const { pipelines } = load(`
pipelines:
  - name: media
    extends: media
    without: [logline_generator]
    steps:
      - name: title
        command: [title, --from, "{artifact:summarize_scene/summary}", -o, "{output:title}"]
        version: 1
        needs: [summarize_scene]
        outputs: { title: { file: "{name}.title.txt", type: text/plain } }
      - name: scan_video
        with: { ratioMin: 4 }
        timeout: 10m
        retries: { attempts: 7, initial: 2s, factor: 3, max: 1m, jitter: 0 }
      - name: summarize_scene
        priority: 99
        class: media
`);
    const [media] = pipelines;
    const steps = new Map(media?.steps.map((one) => [one.name, one]));
    expect([...steps.keys()]).toEqual(['probe', 'scan_video', 'summarize_scene', 'title']);
    const scan = base.steps.find((one) => one.name === 'scan_video');
    expect(steps.get('scan_video')).toMatchObject({
      params: { ...scan?.params, ratioMin: 4 },
      timeoutMs: 600_000,
      attemptsMax: 7,
      backoff: { initialMs: 2_000, factor: 3, maxMs: 60_000, jitter: 0 },
      needs: ['probe'],
      kind: 'code',
    });
    expect(steps.get('summarize_scene')).toMatchObject({ priority: 99, class: 'media' });
    expect(steps.get('title')).toMatchObject({ kind: 'command', needs: ['summarize_scene'], version: '1' });
  });

  it('D3: a command can stand for any of the three, and what depends on it has another key', () => {
    const own = (version: string) =>
      load(`
pipelines:
  - name: media
    extends: media
    steps:
      - name: scan_video
        command: [our-scan, "{input}", "{output:analytic}"]
        version: ${version}
        outputs: { analytic: { file: "{name}.analytic.json", type: application/json } }
`).pipelines[0];
    const keys = (version: string) => planRun(own(version) ?? base, asset).steps.map((one) => one.key);
    const [first, second] = [keys('"1"'), keys('"2"')];
    expect(keys('1')).toEqual(first);
    expect(first.map((key, i) => key === second[i])).toEqual([true, false, false, false]);
    expect(own('1')?.version).not.toBe(own('2')?.version);
    expect(own('1')?.steps[1]?.needs).toEqual(['probe']);
  });

  it('gives a version that follows from what is done and not from how it is scheduled', () => {
    const version = (...lines: string[]) => load(step(...lines)).pipelines[1]?.version;
    const one = version('- uses: probe', '- uses: scan_video');
    expect(version('- uses: probe', '- uses: scan_video', '  priority: 3', '  timeout: 1h')).toBe(one);
    expect(version('- uses: probe', '- uses: scan_video', '  with: { ratioMin: 4 }')).not.toBe(one);
    expect(version('- uses: probe')).not.toBe(one);
  });

  it('limits a pipeline to types, sources, metadata and sizes', () => {
    const of = (text: string) =>
      load(`pipelines: [{ name: own, steps: [{ uses: probe }], applies: ${text} }]`).pipelines[1];
    const fits = (text: string, given: object = {}, metadata: Record<string, string> = {}) =>
      applies(of(text)?.applies ?? {}, { ...asset, ...given }, [{ kind: 'upload', metadata }]);
    expect(fits('{ types: [audio/*, VIDEO/mp4] }')).toBe(true);
    expect(fits('{ types: [audio/*] }', { contentType: 'audio/webm; codecs=opus' })).toBe(true);
    expect(fits('{ types: [audio/*] }')).toBe(false);
    expect(fits('{ types: [audio/wav] }', { contentType: 'audio/x-wav' })).toBe(true);
    expect(fits('{ sources: [upload] }')).toBe(true);
    expect(fits('{ sources: [watch] }')).toBe(false);
    expect(fits('{ size: { min: 5kB, max: 5kB } }')).toBe(true);
    expect(fits('{ size: { max: 4.9kB } }')).toBe(false);
    for (const [pattern, value, expected] of [
      ['hist*', 'History 101', true],
      ['*101', 'History 101', true],
      ['h*1*1', 'History 101', true],
      ['history', 'History', true],
      ['h*01*01', 'History 101', false],
      ['history', 'History 101', false],
      ['*', '', true],
    ] as const)
      expect([pattern, fits(`{ metadata: { course: "${pattern}" } }`, {}, { course: value })]).toEqual([
        pattern,
        expected,
      ]);
    expect(fits('{ metadata: { course: "*" } }')).toBe(false);
  });

  it('loads the example of the documentation', async () => {
    const text = await readFile(new URL('../../../../../docs/pipelines.md', import.meta.url), 'utf8');
    const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) expect(load(example).pipelines.length).toBeGreaterThan(0);
  });
});
