import { useEffect, useRef, useState } from 'react';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { setTimer } from '../state/resource.ts';
import { useWatchable } from '../state/store.ts';
import { createLibrary, type Library, type LibraryState } from './library.ts';

const refreshWaitMs = 400;

export interface LibraryView {
  readonly state: LibraryState;
  readonly library: Library;
}

/** The library of what has `words` in its name, refreshed when something was stored or processed. */
export function useLibrary(words: string): LibraryView {
  const { api } = useServices();
  const [library] = useState(() => createLibrary(api));
  const refreshTimer = useTimer();
  const connection = useEventStream((event) => {
    const stored = event.subject === 'upload' && event.type === 'completed';
    // What is shown then depends on how runs stand.
    const staged = library.getSnapshot().filter.stage !== null && event.type.startsWith('run.');
    // Many files can arrive at once; one refresh shows them all.
    if (stored || staged) refreshTimer(library.refresh, refreshWaitMs);
  });
  useEffect(() => {
    if (words === library.getSnapshot().filter.filename) library.refresh();
    else library.narrow({ filename: words });
  }, [library, words]);
  useEffect(() => {
    if (connection === 'open') library.refresh();
  }, [connection, library]);
  return { state: useWatchable(library), library };
}

/** A timer that starts anew with each call and ends with the component. */
export function useTimer(): (run: () => void, ms: number) => void {
  const cancel = useRef<(() => void) | null>(null);
  useEffect(() => () => cancel.current?.(), []);
  return (run, ms) => {
    cancel.current?.();
    cancel.current = setTimer(run, ms);
  };
}
