/** One polite voice for the whole page: a progress bar does not speak by itself, and several live regions would talk over each other. */
import { createStore, type Watchable } from '../state/store.ts';

export interface Announcer extends Watchable<string> {
  say(text: string): void;
}

export interface AnnouncerOptions {
  setTimer(run: () => void, ms: number): () => void;
}

// Long enough for a screen reader to notice that the text changed, short enough for the text to be news.
const gatherMs = 250;

export function createAnnouncer({ setTimer }: AnnouncerOptions): Announcer {
  const store = createStore('');
  let waiting: string[] = [];
  let isWaiting = false;
  const speak = () => {
    isWaiting = false;
    const text = waiting.join(' ');
    waiting = [];
    // The same sentence twice would not be a change of the text, and stay silent.
    store.set(text === store.getSnapshot() ? `${text}\u00a0` : text);
  };
  return {
    ...store,
    say(text) {
      waiting.push(text);
      if (isWaiting) return;
      isWaiting = true;
      setTimer(speak, gatherMs);
    },
  };
}
