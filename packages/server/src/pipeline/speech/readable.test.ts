/** C19: what is done with speech and words once they are there. */
import { describe, expect, it } from 'vitest';
import { StereoPower } from './channels.ts';
import { type CleanRules, clean } from './clean.ts';
import { cluster } from './clustering.ts';
import { withMarks } from './punctuation.ts';
import { readTimes } from './recognisers/pocketsphinx.ts';
import { betweenSilences, chunksOf } from './regions.ts';
import { joinHeard, qualityOf, type Word } from './transcript.ts';

const rules: CleanRules = {
  sentencePauseSeconds: 0.35,
  paragraphPauseSeconds: 1.6,
  paragraphWordsMax: 100,
  removeFillers: true,
};

/** `word` or `word@start`; words last 0.3 s and follow each other at 0.4 s. */
function spoken(text: string): Word[] {
  let at = 0;
  return text.split(' ').map((item) => {
    const [word = '', start] = item.split('@');
    if (start !== undefined) at = Number(start);
    const made = { text: word, start: at, end: at + 0.3, confidence: 0.9 };
    at += 0.4;
    return made;
  });
}

function transcript(text: string, given: { language?: string | null; punctuated?: boolean } = {}) {
  const words = spoken(text);
  const segment = { start: 0, end: words.at(-1)?.end ?? 0, text, words: [0, words.length] as const };
  return {
    words,
    segments: [segment],
    language: given.language === undefined ? 'en' : given.language,
    punctuated: given.punctuated ?? false,
  };
}

describe('a transcript', () => {
  it('gets sentences by pauses, capitals, and loses fillers that it remembers', async () => {
    const { paragraphs, removed } = await clean(
      transcript("um i think i'm ready uh we@5 start er now next@12 item"),
      [],
      rules,
    );
    expect(paragraphs.map(({ text }) => text)).toEqual(["I think I'm ready.", 'We start now.', 'Next item.']);
    expect(removed.map(({ text, word }) => [text, word])).toEqual([
      ['um', 0],
      ['uh', 5],
      ['er', 8],
    ]);
    expect(paragraphs[1]?.sentences[0]?.words).toEqual([6, 10]);
  });

  it('keeps words that only sound like fillers in another language, and punctuation of the engine', async () => {
    const german = await clean(transcript('wir@0 treffen um@0.8 zehn er kommt', { language: 'de' }), [], rules);
    expect(german.paragraphs[0]?.text).toBe('Wir treffen um zehn er kommt.');
    const { paragraphs } = await clean(transcript('Well, uh, yes. No um.', { punctuated: true }), [], rules);
    expect(paragraphs[0]?.text).toBe('Well, yes. No.');
    expect((await clean(transcript('um hello', { language: null }), [], rules)).removed).toEqual([]);
  });

  it('is divided where the speaker changes', async () => {
    const turns = [
      { start: 0, end: 0.8, speaker: 'S1' },
      { start: 0.8, end: 9, speaker: 'S2' },
    ];
    const { paragraphs } = await clean(transcript('good morning thank you'), turns, rules);
    expect(paragraphs.map(({ speaker, text }) => [speaker, text])).toEqual([
      ['S1', 'Good morning.'],
      ['S2', 'Thank you.'],
    ]);
  });

  it('takes punctuation from a model without letting it change words', () => {
    const words = spoken('hello there how are you');
    expect(withMarks(words, 'Hello there， how are you？').map((word) => word.text)).toEqual([
      'hello',
      'there,',
      'how',
      'are',
      'you?',
    ]);
    expect(withMarks(words, 'goodbye. there, how').map((word) => word.text)).toEqual(words.map((word) => word.text));
  });

  it('does not run backwards where a program says that something ends before it begins', () => {
    const word = { text: 'hello', start: 4, end: 3, confidence: null };
    const heard = { language: null, segments: [{ start: 5, end: 2, text: 'hello', words: [word] }] };
    const { segments, words } = joinHeard([{ start: 10, end: 20, heard }]);
    expect(segments).toMatchObject([{ start: 15, end: 15 }]);
    expect(words).toMatchObject([{ start: 14, end: 14 }]);
  });

  it('says how sure the engine was, and where it was not', () => {
    const words = spoken('a b c d e f').map((word, i) => ({ ...word, confidence: i < 3 ? 0.9 : 0.2 }));
    const quality = qualityOf({ words, segments: [] }, { speechSeconds: 30, speechShare: 0.5 });
    expect(quality).toMatchObject({ meanConfidence: 0.55, shareBelowHalf: 0.5, speechShare: 0.5, wordsPerMinute: 12 });
    expect(quality.lowConfidenceSpans).toMatchObject([{ text: expect.stringContaining('d e f') }]);
    const unrated = words.map((word) => ({ ...word, confidence: null }));
    expect(qualityOf({ words: unrated, segments: [] }, { speechSeconds: 0, speechShare: 0 })).toEqual({
      ...{ meanConfidence: null, shareBelowHalf: null, speechShare: 0, wordsPerMinute: null, lowConfidenceSpans: [] },
    });
  });
});

it('reads what pocketsphinx writes', () => {
  const text =
    'good morning\n<s> 0.000 0.200 0.999700\ngood(2) 0.210 0.340 0.167026\n<sil> 0.340 0.5 0.9\n[NOISE] 0.5 0.6 1.0\nmorning 0.650 0.710 1.000100\n</s> 0.8 0.9 1.0\n';
  expect(readTimes(text)).toEqual([
    {
      ...{ start: 0.21, end: 0.71, text: 'good morning' },
      words: [
        { text: 'good', start: 0.21, end: 0.34, confidence: 0.167026 },
        { text: 'morning', start: 0.65, end: 0.71, confidence: 1 },
      ],
    },
  ]);
});

describe('stretches of speech', () => {
  it('are joined while they fit and cut in pauses', () => {
    const regions = [
      [0.2, 4],
      [4.6, 9],
      [20, 22],
      [30, 75],
    ].map(([start = 0, end = 0]) => ({ start, end }));
    const chunks = chunksOf(regions, 80, { secondsMax: 20, paddingSeconds: 0.25, pauseSecondsMax: 5 });
    expect(chunks).toEqual([
      { start: 0, end: 9.25 },
      { start: 19.75, end: 22.25 },
      { start: 29.75, end: 45 },
      { start: 45, end: 60 },
      { start: 60, end: 75.25 },
    ]);
  });

  it('are what silences leave', () => {
    expect(
      betweenSilences(
        [
          { start: 0, end: 2 },
          { start: 5, end: 6 },
        ],
        10,
      ),
    ).toEqual([
      { start: 2, end: 5 },
      { start: 6, end: 10 },
    ]);
    expect(betweenSilences([{ start: 0, end: 10 }], 10)).toEqual([]);
  });
});

it('listens to one side when the other is dead or opposite in phase', () => {
  const choice = (right: (left: number) => number) => {
    const power = new StereoPower();
    const left = Array.from({ length: 800 }, (_, i) => Math.round(9_000 * Math.sin(i / 5)));
    power.push(Int16Array.from(left.flatMap((sample) => [sample, Math.round(right(sample))])));
    return power.choice();
  };
  expect([choice((l) => l), choice((l) => l / 2), choice(() => 3), choice((l) => -l)]).toEqual([
    'mix',
    'mix',
    'left',
    'left',
  ]);
  expect(choice((l) => 3 * l)).toBe('mix');
});

it('finds groups that stand apart, and one where none do', () => {
  const at = (x: number, y: number) => Float64Array.of(x, y);
  const three = [at(0, 0), at(0.1, 0), at(9, 9), at(9.1, 9), at(0, 9), at(0.1, 9.1), at(0.05, 0.1)];
  const free = { groups: null, groupsMax: 6, silhouetteMin: 0.25 };
  expect(cluster(three, free)).toMatchObject({ groups: 3, labels: [0, 0, 1, 1, 2, 2, 0] });
  expect(cluster(three, { ...free, groups: 2 }).groups).toBe(2);
  expect(cluster(three, { ...free, silhouetteMin: 0.99 })).toEqual({
    groups: 1,
    labels: three.map(() => 0),
    silhouette: null,
  });
  expect(cluster([at(1, 1)], free).groups).toBe(1);
  expect(cluster([], free).groups).toBe(0);
});
