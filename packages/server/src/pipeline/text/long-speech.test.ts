/** C19: the text work of ten hours of speech, which is done in the process of the server: uploads go on meanwhile. */
import { describe, expect, it } from 'vitest';
import type { Analysis, Shot } from '../media/analysis.ts';
import { summarize } from '../media/summary.ts';
import { type CleanRules, clean } from '../speech/clean.ts';
import { stopwordsOf } from './stopwords.ts';
import { topSentences } from './text-rank.ts';

const rules: CleanRules = {
  sentencePauseSeconds: 0.35,
  paragraphPauseSeconds: 1.6,
  paragraphWordsMax: 100,
  removeFillers: true,
};
const count = 2_000;

/** How often something else got its turn while this went on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const turn = () => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  over = true;
  return turns;
}

/** Objects that count how often their `key` was read. */
function counted<T extends object, K extends keyof T>(
  items: readonly T[],
  key: K,
): { items: T[]; reads: () => number } {
  let reads = 0;
  const watched = items.map((item) =>
    Object.defineProperty({ ...item }, key, {
      enumerable: true,
      get: () => {
        reads += 1;
        return item[key];
      },
    }),
  );
  return { items: watched, reads: () => reads };
}

describe('speech of ten hours', () => {
  it('is cleaned without asking every word about every turn, and others get theirs', async () => {
    const words = Array.from({ length: count * 2 }, (_, i) => {
      return { text: `word${i % 90}`, start: i * 2, end: i * 2 + 0.3, confidence: null };
    });
    const segments = words.map(({ start, end, text }, i) => ({ start, end, text, words: [i, i + 1] as const }));
    const turns = counted(
      Array.from({ length: count }, (_, i) => ({ start: i * 4, end: i * 4 + 4, speaker: i % 2 === 0 ? 'S1' : 'S2' })),
      'start',
    );
    const heard = { words, segments, language: 'en', punctuated: false };
    let paragraphs: readonly { speaker: string | null }[] = [];
    const others = await turnsDuring(async () => {
      ({ paragraphs } = await clean(heard, turns.items, rules));
    });
    expect(paragraphs.map(({ speaker }) => speaker).slice(0, 6)).toEqual(['S1', 'S1', 'S2', 'S2', 'S1', 'S1']);
    expect(turns.reads()).toBeLessThan(20 * words.length);
    expect(others).toBeGreaterThan(5);
  });

  it('is searched for its best sentences while others get their turns', async () => {
    const sentences = Array.from(
      { length: count },
      (_, i) => `The number ${i % 70} stands beside ${i % 11} and ${i % 13}.`,
    );
    const english = stopwordsOf('en') ?? new Set<string>();
    const others = await turnsDuring(async () => {
      expect(await topSentences(sentences, 5, english)).toHaveLength(5);
    });
    expect(others).toBeGreaterThan(5);
  });

  it('is told shot by shot without looking at all of it for each', () => {
    const shots = Array.from({ length: count }, (_, i) => ({ ...shot, index: i + 1, start: i * 5, end: i * 5 + 5 }));
    const said = counted(
      shots.map(({ start, end, index }) => {
        const sentences = [{ start: start - 1, end: start + 2, text: `Shot ${index}.`, words: [0, 0] as const }];
        return { start, end, speaker: null, text: '', sentences };
      }),
      'sentences',
    );
    const { scenes } = summarize({ ...analysis, video: { ...analysis.video, shots } } as unknown as Analysis, {
      speech: { paragraphs: said.items, language: 'en', grade: 'full' },
      screen: [{ start: 10, end: 15, shot: 3, text: 'Harbour', lines: [{ text: 'Harbour', box: { height: 1 } }] }],
      extract: { sentences: [], keyPhrases: [], title: null },
      chat: null,
      notKnown: [],
    });
    expect(scenes.map((scene) => scene.said)).toEqual(shots.map(({ index }) => `Shot ${index}.`));
    expect(scenes.slice(1, 4).map((scene) => scene.onScreen)).toEqual([[], ['Harbour'], []]);
    expect(said.reads()).toBeLessThan(10 * count);
  });
});

const shot: Omit<Shot, 'index' | 'start' | 'end'> = {
  ...{ duration: 5, frames: 125, transition: null, brightness: 0.4, motion: 0.02, static: false, dark: false },
  ...{
    dominantColour: { name: 'grey', hex: '#888888', share: 0.5 },
    loudness: null,
    keyframe: null,
    keyframeTime: null,
  },
};
/** As much of an analysis as its summary needs. */
const analysis = {
  asset: { name: 'talk.mp4', sizeBytes: 1, contentType: 'video/mp4' },
  media: { video: { width: 640, height: 360, rotation: 0, averageFrameRate: null }, audio: null },
  decoded: { seconds: 10_000 },
  video: { shotSecondsMean: 5, cutsPerMinute: 12, black: [] },
  audio: null,
  warnings: [],
};
