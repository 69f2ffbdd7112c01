import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HoldfastError } from './errors.ts';
import { parseQuery, snippetOf, termsOf, timeAt } from './search.ts';

it('folds words of many scripts', () => {
  expect(termsOf("Don't PANIC — Größe, naïve; v2.1 東京タワー")).toEqual([
    ...['don', 't', 'panic', 'grosse', 'naive', 'v2', '1'],
    ...['東', '京', 'タ', 'ワ', 'ー'],
  ]);
});

it('reads queries and refuses what has nothing to look for', () => {
  expect(parseQuery('budget "next meeting" engin* -holiday -"a b"')).toEqual({
    all: [
      { terms: ['budget'], prefix: false },
      { terms: ['next', 'meeting'], prefix: false },
      { terms: ['engin'], prefix: true },
    ],
    none: [
      { terms: ['holiday'], prefix: false },
      { terms: ['a', 'b'], prefix: false },
    ],
  });
  expect(parseQuery('well-known')).toEqual({ all: [{ terms: ['well', 'known'], prefix: false }], none: [] });
  for (const text of ['', '   ', '-only', '"', '*', '!?', 'x'.repeat(501), 'a '.repeat(30)])
    expect(() => parseQuery(text)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
});

it('never lets anything but letters and digits through, whatever is typed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      try {
        const { all, none } = parseQuery(text);
        for (const term of [...all, ...none].flatMap((clause) => clause.terms))
          expect(term).toMatch(/^[\p{L}\p{N}]+$/u);
      } catch (error) {
        expect(error).toBeInstanceOf(HoldfastError);
      }
    }),
    { numRuns: 50 },
  );
});

it('cuts a snippet around the first match and marks each', () => {
  const text = `${'It was a long day. '.repeat(20)}Then the new budget was approved, and the budgets of others. ${'So it ended. '.repeat(20)}`;
  const { text: shown, highlights, place } = snippetOf(text, parseQuery('"new budget" approv*'));
  expect(highlights.map(([from, to]) => shown.slice(from, to))).toEqual(['new budget', 'approved']);
  expect(shown.startsWith('… ') && shown.endsWith(' …')).toBe(true);
  expect(shown.length).toBeLessThan(260);
  const passage = {
    start: 5,
    marks: [
      [0, 5],
      [text.indexOf('Then'), 42],
      [text.indexOf('So it'), 50],
    ] as const,
  };
  expect([timeAt(passage, place), timeAt(passage, null), timeAt(passage, 0)]).toEqual([42, 5, 5]);
  expect(snippetOf('short', parseQuery('other'))).toEqual({ text: 'short', highlights: [], place: null });
});

it('marks only what is there', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('budget', 'Büdget', 'x', '…', '東', '  '), { maxLength: 150 }), (words) => {
      const query = parseQuery('budget');
      const { text, highlights } = snippetOf(words.join(' '), query);
      for (const [from, to] of highlights) expect(termsOf(text.slice(from, to))).toEqual(['budget']);
      expect(highlights.length > 0).toBe(words.some((word) => termsOf(word)[0] === 'budget'));
    }),
  );
});
