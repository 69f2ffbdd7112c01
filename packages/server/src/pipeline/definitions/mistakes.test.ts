/** Mistakes in definition files: each is told with its place and what to do. */
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../core/errors.ts';
import { definePipeline } from '../definition.ts';
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

/** The lines of the refusal, without the first. */
function mistakes(...texts: string[]): string[] {
  try {
    load(...texts);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'invalid-request') return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

const step = (...lines: string[]) =>
  ['pipelines:', '  - name: own', '    steps:', ...lines.map((line) => `      ${line}`)].join('\n');

describe('every mistake is told with its place and what to do', () => {
  it.each([
    ['text that is no YAML', 'pipelines: [', /^p\.yaml:1:13: .*end with a \]/],
    ['a key twice', 'pipelines: []\npipelines: []', /^p\.yaml:2:1: Map keys must be unique/],
    ['a file that is no map', '- a', /^p\.yaml:1:1: "the file" must be object\.$/],
    ['a missing list', 'default: true', /^p\.yaml:1:1: "pipelines" is missing here\.$/],
    [
      'an unknown key',
      `${step('- uses: probe')}\ncolour: red`,
      /^p\.yaml:5:1: "colour" is not known here; known are default, /,
    ],
    ['a wrong type', step('- uses: probe', '  priority: high'), /^p\.yaml:5:19: "priority" must be integer\.$/],
    [
      'places that nobody has',
      'classes: { own: { cluster: 0 } }\npipelines: []',
      /^p\.yaml:1:1\d: "own" is not what is taken here\. A number, or \{ perNode: 1, cluster: 4 \}\.$/,
    ],
    ['a bad duration', step('- uses: probe', '  timeout: 5 minutes'), /^p\.yaml:5:18: "timeout" .*such as 500ms, 90s/],
    [
      'an unknown step',
      step('- uses: prob'),
      /^p\.yaml:4:15: Holdfast has no step "prob"\. It has probe, scan_video, /,
    ],
    ['neither of both', step('- name: x'), /^p\.yaml:4:9: The step "x" has neither "uses" nor "command"/],
    ['both', step('- uses: probe', '  command: [x]'), /^p\.yaml:4:9: A step either "uses"/],
    [
      'an unknown parameter',
      step('- uses: scan_video', '  with: { ratio: 3 }'),
      /^p\.yaml:5:17: "scan_video" has no parameter "ratio"; it takes ratioMin, /,
    ],
    [
      'an ill-typed parameter',
      step('- uses: probe', '- uses: scan_video', '  with: { ratioMin: big }'),
      /^p\.yaml:6:27: "ratioMin" must be number/,
    ],
    [
      'a step twice',
      step('- uses: probe', '- uses: probe'),
      /^p\.yaml:5:9: There is a step "probe" in this pipeline already/,
    ],
    [
      'an input that is not there',
      step('- uses: probe', '  needs: [prob]'),
      /^p\.yaml:5:16: "probe" needs a step "prob", which .* It has probe\.$/,
    ],
    [
      'an input of its own that is not there',
      step('- uses: scan_video'),
      /^p\.yaml:4:9: "scan_video" needs a step "probe"/,
    ],
    [
      'an unknown class',
      step('- uses: probe', '  class: gpu'),
      /^p\.yaml:5:16: There is no class "gpu"\. Known are light, media;/,
    ],
    [
      'what is for commands',
      step('- uses: probe', '  version: 2'),
      /^p\.yaml:5:9: "version" is for steps with a "command"/,
    ],
    ['no steps', 'pipelines: [{ name: own }]', /^p\.yaml:1:13: The pipeline "own" has no steps/],
    ['an unknown base', 'pipelines: [{ name: own, extends: x }]', /^p\.yaml:1:35: Only the built-in pipeline "media"/],
    [
      'a step to leave out that is not there',
      'pipelines: [{ name: own, extends: media, without: [x] }]',
      /^p\.yaml:1:52: "media" has no step "x"/,
    ],
    [
      'what depends on what is left out',
      'pipelines: [{ name: own, extends: media, without: [probe] }]',
      /"scan_video" needs a step "probe"/,
    ],
    [
      'a command without version',
      step('- name: x', '  command: [x]'),
      /^p\.yaml:4:9: The command of "x" has no "version"/,
    ],
    [
      'a relative program',
      step('- name: x', '  version: 1', '  command: [./x]'),
      /^p\.yaml:6:19: "\.\/x" is a relative path/,
    ],
    [
      'a program from a parameter',
      step('- name: x', '  version: 1', '  command: ["{param:p}"]', '  with: { p: sh }'),
      /no placeholders/,
    ],
    [
      'an unknown placeholder',
      step('- name: x', '  version: 1', '  command: [x, "{inputs}"]'),
      /^p\.yaml:6:22: \{inputs\} is no placeholder/,
    ],
    [
      'an unknown parameter of a command',
      step('- name: x', '  version: 1', '  command: [x, "{param:y}"]'),
      /^p\.yaml:6:22: \{param:y\} is not in "with", which is empty/,
    ],
    [
      'an output that is not there',
      step('- name: x', '  version: 1', '  command: [x, [-o, "{output:y}"]]'),
      /^p\.yaml:6:27: \{output:y\} is not in "outputs"/,
    ],
    [
      'an artifact that is not waited for',
      step('- name: x', '  version: 1', '  command: [x, "{artifact:probe/y}"]'),
      /does not wait for "probe"/,
    ],
    [
      'a file name with a folder',
      step('- name: x', '  version: 1', '  command: [x]', '  outputs: { y: { file: ../y, type: a/b } }'),
      /^p\.yaml:7:31: "\.\.\/y" is no file name/,
    ],
    [
      'one file for two outputs',
      step(
        '- name: x',
        '  version: 1',
        '  command: [x]',
        '  outputs: { y: { file: a, type: a/b }, z: { file: A, type: a/b } }',
      ),
      /"A" is the file of the output "y" already/,
    ],
    [
      'a want that is not there',
      step('- name: x', '  version: 1', '  command: [x]', '  wants: [y]'),
      /"x" wants a step "y"/,
    ],
  ])('%s', (_what, text, expected) => {
    const found = mistakes(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it('circles, with their names', () => {
    const text = step(
      '- uses: probe',
      '  needs: [b]',
      '- { name: a, command: [x], version: 1, needs: [probe] }',
      '- { name: b, command: [x], version: 1, wants: [a] }',
    );
    expect(mistakes(text)).toEqual([expect.stringMatching(/in a circle: probe → b → a → probe\. Take one/)]);
  });

  it('all of them at once, in the order of the files', () => {
    const bad = step(
      '- uses: nothing',
      '- uses: probe',
      '  priority: x',
      '  clas: y',
      '- name: z',
      '  command: []',
      '  timeout: 3',
    );
    const found = mistakes(bad.replace('own', 'one'), step('- uses: nowhere').replace('own', 'two'));
    expect(found.map((line) => line.split(' ')[0])).toEqual([
      'p0.yaml:6:19:',
      'p0.yaml:7:9:',
      'p0.yaml:9:18:',
      'p0.yaml:10:18:',
      'p1.yaml:4:15:',
    ]);
  });

  it('names that are taken in another file', () => {
    const one = step('- uses: probe');
    expect(mistakes(one, one)).toEqual([
      expect.stringMatching(/^p1\.yaml:2:11: There is a pipeline "own" already, in p0\.yaml/),
    ]);
    const mixed = step(
      '- { name: probe, uses: logline_generator, needs: [] }',
      '- uses: scan_video',
      '- uses: summarize_scene',
    );
    expect(mistakes(mixed).join()).toMatch(/uses another step of Holdfast|in a circle/);
  });

  const command = (...lines: string[]) => step('- name: s', '  version: 1', ...lines.map((line) => `  ${line}`));

  it.each([
    ['timeout: 0s', '"timeout" is 1 ms to 1000 days.'],
    ['stall: 0ms', '"stall" is 1 ms to 1000 days.'],
    [`timeout: ${'9'.repeat(400)}d`, '"timeout" is 1 ms to 1000 days.'],
    ['retries: { initial: 9999999999d }', '"initial" is 0 ms to 1000 days.'],
    ['retries: { max: 1001d }', '"max" is 0 ms to 1000 days.'],
    [`limits: { memory: ${'9'.repeat(20)}B }`, '"memory" is 1 B to 8000 TiB.'],
    ['limits: { cpu: 0s }', '"cpu" is 1 ms to 1000 days.'],
    ['with: { a: .inf }', 'This number cannot be kept as it is written: put it in quotes.'],
    ['with: { a: .nan }', 'This number cannot be kept as it is written: put it in quotes.'],
    ['env: { A: 12345678901234567890 }', 'This number cannot be kept as it is written: put it in quotes.'],
    ['env: { A: "{param:constructor}" }', '{param:constructor} is not in "with", which is empty.'],
    ['env: { A: "{output:constructor}" }', '{output:constructor} is not in "outputs", which is empty.'],
    ['env: { A: "{file:toString}" }', '{file:toString} is not in "outputs", which is empty.'],
    ['env: { A: "a\\0b" }', 'No program can be given a zero character.'],
  ])('what is well-formed and cannot be: %s', (line, told) => {
    const [only, ...more] = mistakes(command('command: [x]', line));
    expect(more).toEqual([]);
    expect(only).toMatch(/^p\.yaml:7:\d+: /);
    expect(only).toContain(told);
  });

  it('a number with too many digits among the words of a command', () => {
    expect(mistakes(command('command: [x, 12345678901234567890]'))).toEqual([
      'p.yaml:6:22: This number cannot be kept as it is written: put it in quotes.',
    ]);
  });
});
