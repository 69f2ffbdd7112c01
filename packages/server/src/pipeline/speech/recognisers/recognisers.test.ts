/** C19: engines behind one interface: programs, servers, model folders. */
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../../test/media-samples.ts';
import { formOf, ModelServer } from '../../../../test/model-server.ts';
import { systemClock } from '../../../platform/system-clock.ts';
import { PermanentStepError } from '../../context.ts';
import { findMediaTools, type ReadyTools } from '../../media/tools.ts';
import type { RecogniserContext, RecogniserParams } from '../recogniser.ts';
import { openRecogniser } from './open.ts';
import { sherpaModelIn } from './sherpa-models.ts';
import { samplesOf, wordsOfTokens } from './sherpa-onnx.ts';

let dir: string;
let file: string;
let tools: ReadyTools;
const stopped = new AbortController();

const none: RecogniserParams = {
  engine: 'none',
  model: null,
  language: null,
  url: null,
  command: [],
  commandOutput: 'json',
  chunkSeconds: 0,
};

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-engines-'));
  file = path.join(dir, 'sound.wav');
  await ffmpeg(['-f', 'lavfi', '-i', 'sine=d=2', '-ar', '16000', '-ac', '1', '-c:a', 'pcm_s16le', file]);
  const options = { ffmpegPath: null, ffprobePath: null, threads: 1, memoryBytesMax: 4e9, clock: systemClock };
  const found = await findMediaTools({ ...options, signal: stopped.signal, searchPath: process.env['PATH'] ?? '' });
  if (found.state === 'missing') throw new Error(found.reason);
  tools = found;
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const waits: unknown[] = [];
function context(params: Partial<RecogniserParams>, more: Partial<RecogniserContext> = {}): RecogniserContext {
  const facts = { tools, scratch: dir, apiKey: null, signal: stopped.signal, clock: systemClock, timeoutMs: 10_000 };
  return { ...facts, params: { ...none, ...params }, warn: (said) => void waits.push(said), ...more };
}

async function heard(params: Partial<RecogniserParams>, more: Partial<RecogniserContext> = {}) {
  await using recogniser = await openRecogniser(context(params, more));
  return await recogniser.recognise({ file, seconds: 2 });
}

const verbose = {
  language: 'english',
  text: 'Hello there, world.',
  segments: [
    { start: 0, end: 0.9, text: ' Hello there,' },
    { start: 0.9, end: 2, text: ' world.' },
  ],
  words: [
    { word: 'Hello', start: 0.1, end: 0.4, probability: 0.9 },
    { word: 'there,', start: 0.5, end: 0.8 },
    { word: 'world.', start: 1, end: 1.5, probability: 2 },
  ],
};

describe('a server with OpenAI’s API', () => {
  it('gets the sound, the model and the key, and its words are placed in their segments', async () => {
    await using server = await ModelServer.start(() => ({ body: JSON.stringify(verbose) }));
    const found = await heard(
      { engine: 'openai', url: `${server.url}/`, model: 'tiny', language: 'en' },
      { apiKey: 'sk-secret' },
    );
    expect(found.language).toBe('english');
    expect(found.segments.map(({ words }) => words)).toEqual([
      [
        { text: 'Hello', start: 0.1, end: 0.4, confidence: 0.9 },
        { text: 'there,', start: 0.5, end: 0.8, confidence: null },
      ],
      [{ text: 'world.', start: 1, end: 1.5, confidence: 1 }],
    ]);
    const [request] = server.requests;
    if (!request) throw new Error('nothing was asked');
    expect([request.path, request.headers.authorization]).toEqual(['/v1/audio/transcriptions', 'Bearer sk-secret']);
    const form = await formOf(request);
    expect([form.get('model'), form.get('language'), form.get('response_format')]).toEqual([
      'tiny',
      'en',
      'verbose_json',
    ]);
    expect(form.getAll('timestamp_granularities[]')).toEqual(['word', 'segment']);
    expect((form.get('file') as File).size).toBe((await stat(file)).size);
  });

  it('is asked again when it wants a moment, as long as it says', async () => {
    await using server = await ModelServer.start((_, number) =>
      number === 0 ? { status: 429, headers: { 'retry-after': '0.05' }, body: '{}' } : { body: '{"text":"done"}' },
    );
    expect((await heard({ engine: 'openai', url: server.url })).segments).toEqual([
      { start: 0, end: 2, text: 'done', words: [] },
    ]);
    expect(server.requests).toHaveLength(2);
    expect(waits.at(-1)).toMatchObject({ waitMs: 50 });
  });

  it.each([
    ['refuses', { status: 401, body: '{"error":"bad key sk-secret"}' }, /answered 401: .*bad key \*\*\*/],
    ['answers with something else', { body: '<html>' }, /did not answer with JSON/],
    ['answers with other JSON', { body: '{"ok":true}' }, /did not answer with a transcript/],
    ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:9/' }, body: '' }, /cannot be reached/],
    [
      'wants to be left alone',
      { status: 429, headers: { 'retry-after': '9999' }, body: 'busy' },
      /left alone for 9999 s/,
    ],
  ])('that %s gives a plain reason without the key', async (_, answer, reason) => {
    await using server = await ModelServer.start(() => answer);
    const clock = {
      ...systemClock,
      now: () => systemClock.now(),
      after: (ms: number, call: () => void) => systemClock.after(Math.min(ms, 1), call),
    };
    const failure = await heard({ engine: 'openai', url: server.url }, { apiKey: 'sk-secret', clock }).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).toMatch(reason);
    expect(String(failure)).not.toContain('sk-secret');
  });

  it('that does not answer is given up at once when the step is stopped', async () => {
    const stop = new AbortController();
    await using server = await ModelServer.start(() => {
      stop.abort();
      return null;
    });
    await expect(heard({ engine: 'openai', url: server.url }, { signal: stop.signal })).rejects.toThrow();
    expect(server.requests).toHaveLength(1);
  });
});

describe('a program', () => {
  async function program(name: string, script: string): Promise<string> {
    const at = path.join(dir, name);
    await writeFile(at, `#!/bin/sh\n${script}\n`);
    await chmod(at, 0o755);
    return at;
  }

  it.each([
    [
      'vtt',
      'WEBVTT\n\n1\n00:00.100 --> 00:01.500 align:start\n<v Ana>Rock &amp; roll\nis here\n',
      { start: 0.1, end: 1.5, text: 'Rock & roll is here' },
    ],
    ['srt', '1\r\n00:00:00,100 --> 00:00:01,500\r\nHello\r\n', { start: 0.1, end: 1.5, text: 'Hello' }],
    ['txt', 'Just words.\n', { start: 0, end: 2, text: 'Just words.' }],
    ['json', '{"segments":[{"start":0,"end":1,"text":"Hi"}]}', { start: 0, end: 1, text: 'Hi' }],
  ] as const)('may write %s to its output', async (commandOutput, text, segment) => {
    await writeFile(path.join(dir, 'answer'), text);
    const command = [await program(`p-${commandOutput}`, `test -f "$1" && cat "${dir}/answer"`), '{input}'];
    expect((await heard({ engine: 'command', command, commandOutput })).segments).toEqual([{ ...segment, words: [] }]);
  });

  it('may be whisper.cpp, whose tokens become words', async () => {
    const tokens = [
      { text: '[_BEG_]', offsets: { from: 0, to: 0 }, p: 0.9 },
      { text: ' Hold', offsets: { from: 0, to: 300 }, p: 0.8 },
      { text: 'fast', offsets: { from: 300, to: 600 }, p: 0.6 },
      { text: '.', offsets: { from: 600, to: 610 }, p: 1 },
    ];
    const answer = {
      result: { language: 'en' },
      transcription: [{ offsets: { from: 0, to: 1000 }, text: ' Holdfast.', tokens }],
    };
    await writeFile(path.join(dir, 'whisper.json'), JSON.stringify(answer));
    const script = await program('whisper', `cp "${dir}/whisper.json" "$2.json"; echo "$3 $4" > "${dir}/said"`);
    const found = await heard({ engine: 'command', command: [script, '{input}', '{output}', '-l', '{language}'] });
    expect(found.language).toBe('en');
    expect(found.segments[0]?.words).toEqual([
      { text: 'Holdfast.', start: 0, end: 0.61, confidence: expect.closeTo(0.8, 5) },
    ]);
  });

  it.each([
    ['fails', 'echo no model >&2; exit 3', /ended with 3: no model/],
    ['writes nonsense', 'echo nonsense', /did not write json that can be read/],
  ])('that %s gives the reason', async (name, script, reason) => {
    const command = [await program(`bad-${name.replace(' ', '-')}`, script), '{input}'];
    await expect(heard({ engine: 'command', command })).rejects.toThrow(reason);
  });
});

describe('sherpa-onnx', () => {
  it('says what is wrong with a folder, and a broken model does not take the server down', async () => {
    const missing = heard({ engine: 'sherpa-onnx', model: path.join(dir, 'nowhere') });
    await expect(missing).rejects.toThrow(/cannot be read/);
    await expect(missing).rejects.toBeInstanceOf(PermanentStepError);
    const folder = path.join(dir, 'model');
    await mkdir(folder);
    await expect(heard({ engine: 'sherpa-onnx', model: folder })).rejects.toThrow(/no model that is known/);
    for (const name of ['tokens.txt', 'tiny-encoder.onnx', 'tiny-decoder.onnx'])
      await writeFile(path.join(folder, name), 'not a model');
    await expect(heard({ engine: 'sherpa-onnx', model: folder })).rejects.toThrow(/cannot be used/);
  });

  it('gets all of a stretch that is longer than two minutes', async () => {
    const long = path.join(dir, 'long.wav');
    const [seconds, tone] = [150, "aevalsrc='0.4*gt(t,149)':s=16000:d=150"];
    await ffmpeg(['-f', 'lavfi', '-i', tone, '-c:a', 'pcm_s16le', long]);
    const samples = await samplesOf({ file: long, seconds }, context({}));
    expect(samples).toHaveLength(seconds * 16_000);
    expect([samples[148 * 16_000], samples.at(-1)]).toEqual([0, Math.round(0.4 * 32_767)]);
  });

  it('tells kinds of models by their files', () => {
    const kindOf = (folder: string, names: string[]) => sherpaModelIn(folder, names, { threads: 1, language: 'de-AT' });
    expect(
      kindOf('/m/zipformer', ['tokens.txt', 'encoder.onnx', 'encoder.int8.onnx', 'decoder.onnx', 'joiner.onnx']),
    ).toMatchObject({
      kind: 'transducer',
      modelConfig: { transducer: { encoder: '/m/zipformer/encoder.int8.onnx' } },
    });
    expect(kindOf('/m/w', ['base-tokens.txt', 'base-encoder.onnx', 'base-decoder.onnx'])).toMatchObject({
      kind: 'whisper',
      modelConfig: { whisper: { language: 'de' }, tokens: '/m/w/base-tokens.txt' },
    });
    expect(
      kindOf('/m/moonshine', [
        'tokens.txt',
        'preprocess.onnx',
        'encode.int8.onnx',
        'uncached_decode.onnx',
        'cached_decode.onnx',
      ])?.kind,
    ).toBe('moonshine');
    expect(kindOf('/m/sherpa-onnx-paraformer-zh', ['tokens.txt', 'model.int8.onnx'])?.kind).toBe('paraformer');
    expect(kindOf('/m/sherpa-onnx-sense-voice', ['tokens.txt', 'model.onnx'])?.kind).toBe('sense-voice');
    expect(kindOf('/m/unknown', ['tokens.txt', 'model.onnx'])).toBeNull();
    expect(kindOf('/m/w', ['encoder.onnx'])).toBeNull();
  });

  it('puts tokens together to words', () => {
    const words = wordsOfTokens({ text: '', tokens: ['▁Hold', 'fast', '▁it'], timestamps: [0.1, 0.4, 3] }, 4);
    expect(words).toMatchObject([
      { text: 'Holdfast', start: 0.1, end: 2.1 },
      { text: 'it', start: 3, end: 4 },
    ]);
    expect(wordsOfTokens({ text: 'x', tokens: ['x'], timestamps: [] }, 1)).toEqual([]);
  });
});
