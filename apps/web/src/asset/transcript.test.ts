import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { groupsOf, groupWith, piecesOf, readTranscript, sentenceAt, speakerName, voiceOf } from './transcript.ts';

const word = (text: string, start: number, confidence: number | null) => ({
  text,
  start,
  end: start + 0.4,
  confidence,
});
const raw = {
  engine: 'pocketsphinx',
  grade: 'draft',
  language: 'en',
  quality: { meanConfidence: 0.7, speechShare: 0.6, wordsPerMinute: 150 },
  segments: [
    { start: 0, end: 2, text: 'um every bite is kept', words: [0, 5] },
    { start: 4, end: 5, text: 'thank you', words: [5, 7] },
  ],
  words: [
    ...[word('um', 0, 0.2), word('every', 0.4, 0.9), word('bite', 0.8, 0.31), word('is', 1.2, null)],
    ...[word('kept', 1.6, 0.8), word('thank', 4, 0.9), word('you', 4.4, 0.9)],
  ],
};
const clean = {
  punctuation: 'pauses',
  removed: [{ word: 0, text: 'um', start: 0 }],
  paragraphs: [
    { speaker: 'S1', sentences: [{ start: 0, end: 2, text: 'Every bite is kept.', words: [0, 5] }] },
    { speaker: 'S2', sentences: [{ start: 4, end: 5, text: 'Thank you.', words: [5, 7] }, { text: 'no time' }] },
    { speaker: 'S3', sentences: [] },
  ],
};

it('D6: reads paragraphs with speakers, and says what kind of transcript it is', () => {
  const transcript = readTranscript(raw, clean);
  expect(transcript).toMatchObject({ engine: 'pocketsphinx', draft: true, byPauses: true, meanConfidence: 0.7 });
  expect(transcript?.paragraphs).toEqual([
    { start: 0, end: 2, speaker: 'S1', sentences: [0, 1] },
    { start: 4, end: 5, speaker: 'S2', sentences: [1, 2] },
  ]);
  expect(transcript?.speakers.map(speakerName)).toEqual(['Speaker 1', 'Speaker 2']);
  expect(speakerName('Ana')).toBe('Ana');
});

it('D6: shows the raw segments while nothing better is there', () => {
  const transcript = readTranscript(raw, null);
  expect(transcript?.sentences.map(({ text }) => text)).toEqual(['um every bite is kept', 'thank you']);
  expect(transcript?.speakers).toEqual([]);
});

it.each([
  [null, null],
  [3, []],
  ['x', { paragraphs: 7 }],
])('is nothing for %j and %j', (a, b) => {
  expect(readTranscript(a, b)).toBeNull();
});

it('marks words that the engine was not sure of, with fillers left out', () => {
  const transcript = readTranscript(raw, clean);
  const [first] = transcript?.sentences ?? [];
  if (!transcript || !first) throw new Error('no transcript');
  expect(piecesOf(first, transcript)).toEqual([
    { text: 'Every ', confidence: null },
    { text: 'bite', confidence: 0.31 },
    { text: ' is kept.', confidence: null },
  ]);
  const other = { ...first, text: 'Something else was written here.' };
  expect(piecesOf(other, transcript)).toEqual([{ text: other.text, confidence: null }]);
});

it('knows which sentence is on', () => {
  const sentences = readTranscript(raw, clean)?.sentences ?? [];
  expect([-1, 0, 1.9, 3, 3.96, 4, 99].map((at) => sentenceAt(sentences, at))).toEqual([-1, 0, 0, 0, 1, 1, 1]);
  expect(sentenceAt([], 5)).toBe(-1);
});

it('puts every sentence of a long transcript into exactly one group', () => {
  const paragraphs = Array.from({ length: 3_000 }, (_, i) => {
    const start = 4 * i;
    const sentences = Array.from({ length: 1 + (i % 4) }, () => ({
      start,
      end: start + 1,
      text: 'x'.repeat(1 + (i % 300)),
    }));
    return { speaker: null, sentences };
  });
  const transcript = readTranscript({ engine: 'e' }, { paragraphs });
  if (!transcript) throw new Error('no transcript');
  const groups = groupsOf(transcript);
  expect(groups.at(-1)?.sentences[1]).toBe(transcript.sentences.length);
  for (const [i, group] of groups.entries()) {
    expect(group.sentences[0]).toBe(groups[i - 1]?.sentences[1] ?? 0);
    expect(group.paragraphs[0]).toBe(groups[i - 1]?.paragraphs[1] ?? 0);
    expect(groupWith(groups, group.sentences[0])).toBe(i);
  }
});

it('gives each of eight voices a colour of its own', () => {
  const speakers = ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9'];
  const given = speakers.map((speaker) => voiceOf({ speakers }, speaker));
  expect(new Set(given.slice(0, 8)).size).toBe(8);
  expect(given[8]).toBe(given[0]);
  const tokens = readFileSync(new URL('../styles/tokens.css', import.meta.url), 'utf8');
  const colours = given.map((voice) => new RegExp(`--voice-${voice}: (#[0-9a-f]{6});`).exec(tokens)?.[1]);
  expect(colours).not.toContain(undefined);
  expect(new Set(colours).size).toBe(8);
});
