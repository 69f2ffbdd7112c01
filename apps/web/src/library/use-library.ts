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
  const { api, deletions } = useServices();
  const [library] = useState(() => createLibrary(api));
  const refresh = useRefresh(library.refresh);
  const connection = useEventStream((event) => {
    const stored = event.subject === 'upload' && event.type === 'completed';
    // What is shown then depends on how runs stand.
    const staged = library.getSnapshot().filter.stage !== null && event.type.startsWith('run.');
    if (stored || staged) refresh();
  });
  useEffect(() => {
    if (words === library.getSnapshot().filter.filename) library.refresh();
    else library.narrow({ filename: words });
  }, [library, words]);
  useEffect(() => {
    if (connection === 'open') library.refresh();
  }, [connection, library]);
  useEffect(() => deletions.subscribe(library.refresh), [deletions, library]);
  return { state: useWatchable(library), library };
}

/** Many files can arrive at once: one refresh, soon after the first, shows them all. It does not wait for a pause, which may not come for hours. */
function useRefresh(run: () => void): () => void {
  const timer = useTimer();
  const waits = useRef(false);
  return () => {
    if (waits.current) return;
    waits.current = true;
    timer(() => {
      waits.current = false;
      run();
    }, refreshWaitMs);
  };
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
