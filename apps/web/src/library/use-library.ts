import { useEffect, useRef, useState } from 'react';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { setTimer } from '../state/resource.ts';
import { useWatchable } from '../state/store.ts';
import { createLibrary, type Library, type LibraryState } from './library.ts';

const filterWaitMs = 250;
const refreshWaitMs = 400;

export interface LibraryView {
  readonly state: LibraryState;
  readonly library: Library;
  /** Sets the filter when typing pauses. */
  readonly filterSoon: (filter: string) => void;
}

/** The library, refreshed when something was stored. */
export function useLibrary(): LibraryView {
  const { api } = useServices();
  const [library] = useState(() => createLibrary(api));
  const filterTimer = useTimer();
  const refreshTimer = useTimer();
  const connection = useEventStream((event) => {
    // Many files can arrive at once; one refresh shows them all.
    if (event.subject === 'upload' && event.type === 'completed') refreshTimer(library.refresh, refreshWaitMs);
  });
  useEffect(() => library.refresh(), [library]);
  useEffect(() => {
    if (connection === 'open') library.refresh();
  }, [connection, library]);
  return {
    state: useWatchable(library),
    library,
    filterSoon: (filter) => filterTimer(() => library.setFilter(filter.trim()), filterWaitMs),
  };
}

/** A timer that starts anew with each call and ends with the component. */
function useTimer(): (run: () => void, ms: number) => void {
  const cancel = useRef<(() => void) | null>(null);
  useEffect(() => () => cancel.current?.(), []);
  return (run, ms) => {
    cancel.current?.();
    cancel.current = setTimer(run, ms);
  };
}
