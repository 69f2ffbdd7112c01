import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultPipeline } from '../default-pipeline.ts';
import { planRun } from '../plan.ts';
import { chooseEngines, type EngineSettings, withEngines } from './choice.ts';

const standard: EngineSettings = {
  speechEngine: 'auto',
  speechCommand: [],
  speechCommandOutput: 'json',
  speechChunkSeconds: 0,
  speakers: 0,
  textEngine: 'auto',
  textLanguage: 'eng',
  chatTokensMax: 6_000,
};
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(`${tmpdir()}/holdfast-choice-`);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const chosen = async (given: Partial<EngineSettings>, searchPath = dir) => {
  const choice = await chooseEngines({ ...standard, ...given }, searchPath);
  return {
    ...choice,
    speech: choice.params['transcribe'],
    finding: choice.findings.find((each) => each.subject === 'speech engine'),
  };
};

it('takes what the settings name, else pocketsphinx where it is, else nothing', async () => {
  expect((await chosen({})).speech).toMatchObject({ engine: 'none' });
  expect((await chosen({})).finding).toMatchObject({
    ready: false,
    advice: expect.stringContaining('apt install pocketsphinx'),
  });
  expect((await chosen({}, '/usr/bin')).speech).toMatchObject({
    engine: 'pocketsphinx',
    command: ['/usr/bin/pocketsphinx_continuous'],
  });
  expect((await chosen({ speechEngine: 'none' }, '/usr/bin')).speech).toMatchObject({ engine: 'none' });
  expect((await chosen({ speechUrl: 'http://asr:8000/v1' }, '/usr/bin')).speech).toMatchObject({ engine: 'openai' });
  expect((await chosen({ speechCommand: ['sh', '{input}'] }, '/bin')).speech).toMatchObject({
    engine: 'command',
    command: ['/bin/sh', '{input}'],
  });
  const gone = await chosen({ speechCommand: ['no-such-program'] });
  expect([gone.speech?.['engine'], gone.finding?.ready]).toEqual(['command', false]);
  expect((await chosen({ speechModel: dir })).speech).toMatchObject({ engine: 'sherpa-onnx', model: dir });
});

it('reads text by PP-OCR where it knows the language, else by tesseract, and by what is asked for', async () => {
  const text = async (given: Partial<EngineSettings>) => {
    const { params, findings } = await chosen(given);
    const { ready, found } = findings.find((each) => each.subject === 'text in pictures') ?? {};
    return { ...params['read_text'], ready, found };
  };
  expect(await text({})).toMatchObject({ engine: 'pp-ocr', language: 'eng', ready: true });
  expect((await text({})).found).toMatch(/^PP-OCRv4 \S+, onnxruntime-web \S+, eng$/);
  expect(await text({ textEngine: 'tesseract' })).toMatchObject({ engine: 'tesseract', ready: true });
  expect(await text({ textEngine: 'none' })).toMatchObject({ engine: 'none', ready: false });
  // No data of this language is installed, and PP-OCR does not know it.
  expect(await text({ textLanguage: 'deu' })).toMatchObject({ engine: 'none', ready: false });
});

it('refuses settings that contradict each other, and addresses with secrets', async () => {
  const wrong: Partial<EngineSettings>[] = [
    { speechEngine: 'openai' },
    { speechEngine: 'command' },
    { speechEngine: 'sherpa-onnx' },
    { speechUrl: 'file:///etc/passwd' },
    { speechUrl: 'http://user:secret@asr/v1' },
    { chatUrl: 'http://llm/v1' },
    { chatModel: 'small' },
    { chatUrl: 'http://llm/v1?key=secret', chatModel: 'small' },
    { speakerEmbeddingModel: '/m' },
    { textEngine: 'pp-ocr', textLanguage: 'deu' },
  ];
  for (const given of wrong) {
    const failure = await chosen(given).catch((error: unknown) => error);
    expect(failure, JSON.stringify(given)).toMatchObject({ code: 'invalid-request' });
    expect(String(failure)).not.toContain('secret');
  }
});

it('makes another engine do that step and what depends on it again, and nothing else', async () => {
  const asset = { id: 'a'.repeat(64), size: 1, contentType: 'video/mp4', createdAt: 0 };
  const keys = async (given: Partial<EngineSettings>) =>
    new Map(
      planRun(withEngines(defaultPipeline, await chosen(given)), asset).steps.map((step) => [step.name, step.key]),
    );
  const [before, speech, chat] = [
    await keys({}),
    await keys({ speechUrl: 'http://asr/v1' }),
    await keys({ chatUrl: 'http://llm/v1', chatModel: 'small' }),
  ];
  const changed = (after: ReadonlyMap<string, string>) =>
    [...before.keys()].filter((name) => before.get(name) !== after.get(name));
  expect(changed(speech)).toEqual(['transcribe', 'clean_transcript', 'summarize_scene', 'logline_generator']);
  expect(changed(chat)).toEqual(['summarize_scene', 'logline_generator']);
});
