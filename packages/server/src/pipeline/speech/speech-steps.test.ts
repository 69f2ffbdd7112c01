/** C19, D3: a film of a meeting, its slides read and its speech recognised by the engines that run here. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../../../test/pipeline-bench.ts';
import { reportFilm, type SpokenPart, slides } from '../../../test/speech-samples.ts';
import type { RunWithSteps } from '../../core/ledger.ts';
import { parseQuery, snippetOf, timeAt } from '../../core/search.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { artifactPath } from '../../testing/local-paths.ts';
import { wordErrorRate, wordsOf } from '../../testing/word-error-rate.ts';
import { defaultPipeline } from '../default-pipeline.ts';
import { chooseEngines, withEngines } from '../engines/choice.ts';
import type { Analysis } from '../media/analysis.ts';
import type { Summary } from '../media/summary.ts';
import { findMediaTools } from '../media/tools.ts';
import type { Passage } from '../passages.ts';
import { SearchIndexer } from '../search-indexer.ts';
import type { OnScreenText } from '../steps/read-text.ts';
import { readCaptions } from './captions.ts';
import type { Cleaned, SpeakerTurn } from './clean.ts';
import type { Transcript } from './transcript.ts';

let dir: string;
let bench: Bench;
let run: RunWithSteps;
let parts: SpokenPart[];

const standard = {
  speechEngine: 'auto',
  speechCommand: [],
  speechCommandOutput: 'json',
  speechChunkSeconds: 0,
  speakers: 0,
  textEngine: 'tesseract',
  textLanguage: 'eng',
  chatTokensMax: 6_000,
} as const;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-speech-'));
  bench = await Bench.open(dir);
  const searchPath = process.env['PATH'] ?? '';
  const film = await reportFilm(dir);
  parts = film.parts;
  const signal = new AbortController().signal;
  const options = { ffmpegPath: null, ffprobePath: null, threads: 2, memoryBytesMax: 4e9, clock: systemClock, signal };
  const tools = await findMediaTools({ ...options, searchPath });
  const pipeline = withEngines(defaultPipeline, await chooseEngines(standard, searchPath));
  await bench.runner(pipeline.steps, { tools }).start();
  run = await bench.ended(await bench.add(await readFile(film.file), 'Report of the week.mp4', pipeline), 280_000);
}, 300_000);
afterAll(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

async function artifact(step: string, name: string): Promise<string> {
  const key = run.steps.find((each) => each.name === step)?.key ?? '';
  return readFile(await artifactPath(bench.disk.artifacts, key, name), 'utf8');
}
async function json<T>(step: string, name: string): Promise<T> {
  return JSON.parse(await artifact(step, name)) as T;
}

describe('the film of a meeting', () => {
  it('goes through every step, each with its provenance', () => {
    // Browsers play the film as it is.
    const steps = run.steps.filter((step) => step.name !== 'web_rendition');
    expect(steps.map(({ name, state, reason }) => `${name} ${state} ${reason ?? ''}`.trim())).toEqual(
      defaultPipeline.steps
        .map(({ name }) => name)
        .filter((name) => name !== 'web_rendition')
        .map((name) => `${name} succeeded`),
    );
    for (const { output } of steps)
      expect(output).toMatchObject({
        engine: expect.any(String),
        engineVersion: expect.any(String),
        inputSha256: run.assetId,
      });
    expect(run.steps.find((step) => step.name === 'extract_speech')?.output).toMatchObject({
      channels: 'mix',
      sampleRate: 16_000,
    });
  });

  it('has its speech where it is', async () => {
    const speech = await json<{ engine: string; regions: [number, number][] }>('detect_speech', 'speech.json');
    expect(speech.engine).toBe('silero-vad-5');
    expect(speech.regions.length).toBeGreaterThanOrEqual(parts.length);
    for (const { start, end } of parts) {
      const inside = speech.regions.filter(([from, to]) => from < end && to > start);
      expect(inside[0]?.[0]).toBeCloseTo(start + 0.2, 0);
      expect(inside.at(-1)?.[1]).toBeCloseTo(end, 0);
    }
  });

  it('is recognised with a word error rate of 12 % at most', async () => {
    const transcript = await json<Transcript>('transcribe', 'transcript.json');
    const rates = parts.map(({ voice, text, start, end }) => {
      const heard = transcript.words.filter((word) => word.start >= start - 0.5 && word.end <= end + 0.5);
      return { voice, ...wordErrorRate(text, heard.map((word) => word.text).join(' ')) };
    });
    const all = wordErrorRate(parts.map((part) => part.text).join(' '), await artifact('transcribe', 'transcript.txt'));
    const percent = (rate: number) => `${(rate * 100).toFixed(1)} %`;
    process.stderr.write(
      `word error rate of pocketsphinx: ${percent(all.rate)} of ${all.referenceWords} words (${rates.map(({ voice, rate }) => `${voice} ${percent(rate)}`).join(', ')})\n`,
    );
    expect(all.rate).toBeLessThanOrEqual(0.12);
    expect(transcript).toMatchObject({ engine: 'pocketsphinx', grade: 'draft', punctuated: false, language: 'en' });
    expect(
      transcript.words.every(
        (word, i) => word.end >= word.start && word.start >= (transcript.words[i - 1]?.start ?? 0),
      ),
    ).toBe(true);
    const { meanConfidence, wordsPerMinute, shareBelowHalf } = transcript.quality;
    expect(meanConfidence).toBeGreaterThan(0.6);
    expect(shareBelowHalf).toBeLessThan(0.3);
    expect(wordsPerMinute).toBeGreaterThan(120);
  });

  it('has captions that say the same at the same time', async () => {
    const transcript = await json<Transcript>('transcribe', 'transcript.json');
    for (const name of ['transcript.vtt', 'transcript.srt']) {
      const cues = readCaptions(await artifact('transcribe', name))?.segments ?? [];
      expect(cues.map((cue) => cue.text).join(' ')).toBe(transcript.words.map((word) => word.text).join(' '));
      expect(cues.every(({ start, end, text }) => end - start <= 8 && text.length <= 84)).toBe(true);
    }
  });

  it('tells four voices apart', async () => {
    const { turns, speakers } = await json<{ turns: SpeakerTurn[]; speakers: number }>('diarize', 'speakers.json');
    expect(speakers).toBe(4);
    const of = parts.map(
      ({ start, end }) =>
        new Set(turns.filter((turn) => turn.start < end && turn.end > start).map((turn) => turn.speaker)),
    );
    expect(of.map((names) => [...names])).toEqual([['S1'], ['S2'], ['S3'], ['S4']]);
  });

  it('becomes paragraphs by speaker without a word changed', async () => {
    const transcript = await json<Transcript>('transcribe', 'transcript.json');
    const { paragraphs } = await json<Cleaned>('clean_transcript', 'transcript.clean.json');
    expect(paragraphs.map((paragraph) => paragraph.speaker)).toEqual(['S1', 'S2', 'S3', 'S4']);
    expect(wordsOf(paragraphs.map((paragraph) => paragraph.text).join(' '))).toEqual(
      transcript.words.map((word) => word.text),
    );
    expect(paragraphs[0]?.text).toMatch(/^Good morning .*\.$/);
    expect(await artifact('clean_transcript', 'transcript.clean.txt')).toMatch(/^\[0:00\] S1: Good morning/);
    const { passages } = await json<{ passages: Passage[] }>('clean_transcript', 'speech.passages.json');
    expect(passages).toHaveLength(4);
  });

  it('has the text of its slides read', async () => {
    const analysis = await json<Analysis>('scan_video', 'Report of the week.analytic.json');
    const { pictures } = await json<OnScreenText>('read_text', 'on-screen-text.json');
    expect(pictures.map((picture) => picture.shot)).toEqual(analysis.video?.shots.map((shot) => shot.index));
    expect([...new Set(pictures.flatMap((picture) => picture.lines.map((line) => line.text)))]).toEqual(slides.flat());
    const [line] = pictures[0]?.lines ?? [];
    expect(line).toMatchObject({ confidence: expect.any(Number), box: { x: expect.any(Number) } });
  });

  it('is summarised in its own words, and says so', async () => {
    const summary = await json<Summary>('summarize_scene', 'Report of the week.summary.json');
    expect(summary).toMatchObject({ method: 'extractive', onScreenTitle: 'Weekly project meeting', chat: null });
    expect(summary.keyPhrases.join(' | ')).toMatch(/upload service|large video files/);
    const said = await artifact('clean_transcript', 'transcript.clean.txt');
    expect(summary.speech?.sentences.length).toBeGreaterThan(0);
    for (const sentence of summary.speech?.sentences ?? []) expect(said).toContain(sentence.text);
    expect(summary.text).toMatch(/^Video of .* What is said, in a machine draft, in sentences picked from it: “/);
    expect(summary.scenes[0]).toMatchObject({ onScreen: slides[0], said: expect.stringMatching(/^Good morning/) });
    expect(summary.notKnown).toEqual(['Who or what is seen: pictures are measured, not recognised.']);
    const logline = await artifact('logline_generator', 'Report of the week.logline.txt');
    expect(logline).toMatch(
      /^A video of 4\d s: .*in the picture “Weekly project meeting”; words for it: “.*heard and read\.\n$/,
    );
  });

  it('is found by what is said, what is read and how it is called, at the right time', async () => {
    const { state, disk } = bench;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const indexer = new SearchIndexer({
      search: state.search,
      artifacts: disk.artifacts,
      clock: systemClock,
      log,
      pollMs: 60_000,
    });
    expect(await indexer.catchUp()).toBe(1);
    expect(await state.search.countOutdated()).toBe(0);
    const principal =
      (await state.uploads.events({ subject: { kind: 'run', id: run.id }, after: 0, limit: 1 }))[0]?.principal ?? '';
    const find = async (q: string) => {
      const query = parseQuery(q);
      const hits = await state.search.search({ principal, query, limit: 10, offset: 0 });
      return hits.map((hit) => ({
        ...hit,
        time: timeAt({ start: hit.start ?? 0, marks: hit.marks }, snippetOf(hit.text, query).place),
      }));
    };
    const [budget] = await find('"budget for this year"');
    expect(budget).toMatchObject({ kind: 'speech', filename: 'Report of the week.mp4' });
    expect(budget?.time).toBeCloseTo(parts[2]?.start ?? 0, 0);
    expect(await find('"office closed on friday"')).toMatchObject([{ kind: 'screen' }]);
    expect((await find('report')).map((hit) => hit.kind)).toEqual(['name']);
  });
});
