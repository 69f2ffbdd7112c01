import { useEffect, useMemo, useRef, useState } from 'react';
import { createRecorder, type Recorder, type RecorderOptions, type RecorderState } from '../recorder/recorder.ts';
import { useUploadScope } from './upload-provider.tsx';
import { useWatchable } from './use-watchable.ts';

/** `queue` defaults to the provider's. Taken once, when the component mounts. */
export type UseRecorderOptions = RecorderOptions;

const same = <T>(value: T): T => value;

/** A recorder for as long as the component is there. When it goes away, what was recorded is finished and sent, and the microphone is free. */
export function useRecorder(options: UseRecorderOptions = {}): { readonly recorder: Recorder } & RecorderState {
  const scope = useUploadScope();
  const queue = options.queue ?? scope?.queue ?? undefined;
  const [recorder] = useState(() => createRecorder({ ...options, queue }));
  useEffect(() => recorder.watchMicrophones(), [recorder]);
  const mounted = useRef(0);
  useEffect(() => {
    mounted.current += 1;
    return () => {
      mounted.current -= 1;
      // StrictMode unmounts and mounts again at once.
      queueMicrotask(() => {
        if (mounted.current === 0) void recorder.stop();
      });
    };
  }, [recorder]);
  const state = useWatchable(recorder, { selector: same, urgencyOf: same });
  return useMemo(() => ({ recorder, ...state }), [recorder, state]);
}

/** How loud it is, 0 … 1, up to ten times a second: for a component of its own. */
export function useRecorderLevel(recorder: Recorder): number {
  return useWatchable(recorder.level, { selector: same });
}
