import { useDeferredValue, useMemo, useState } from 'react';
import { folded, textsWith } from './find-text.ts';
import type { Transcript } from './transcript.ts';

export interface TranscriptSearch {
  readonly query: string;
  /** What `found` belongs to: typing does not wait for it. */
  readonly shownQuery: string;
  /** Sentences that have it. */
  readonly found: readonly number[];
  /** Which of them is looked at. */
  readonly at: number;
  /** Rises with each step, so that the same place can be shown again. */
  readonly turn: number;
  look(query: string): void;
  step(direction: 1 | -1): void;
}

const none: readonly number[] = [];

export function useTranscriptSearch(transcript: Transcript | null): TranscriptSearch {
  const [query, setQuery] = useState('');
  const [place, setPlace] = useState({ at: 0, turn: 0 });
  const shownQuery = useDeferredValue(query);
  const asked = shownQuery.trim() !== '';
  // Only prepared when somebody searches.
  const texts = useMemo(
    () => (asked && transcript !== null ? transcript.sentences.map(({ text }) => folded(text)) : null),
    [asked, transcript],
  );
  const found = useMemo(() => (texts === null ? none : textsWith(texts, shownQuery)), [texts, shownQuery]);
  return {
    query,
    shownQuery,
    found,
    at: Math.min(place.at, Math.max(0, found.length - 1)),
    turn: place.turn,
    look(next) {
      setQuery(next);
      setPlace(({ turn }) => ({ at: 0, turn: turn + 1 }));
    },
    step(direction) {
      if (found.length === 0) return;
      setPlace(({ at, turn }) => ({
        at: (Math.min(at, found.length - 1) + direction + found.length) % found.length,
        turn: turn + 1,
      }));
    },
  };
}
