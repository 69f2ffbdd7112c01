import { useState } from 'react';
import { messageOf } from '../api/api-error.ts';
import { useServices } from '../app/services.tsx';

export interface Command {
  readonly busy: boolean;
  /** Why the last one did not work; null when it did. */
  readonly problem: string | null;
  /** Does it, says what `said` makes of the answer, and calls `after`. One at a time. */
  run<T>(act: () => Promise<T>, said: (answer: T) => string): void;
}

/** Something that a button does at the server. */
export function useCommand(after: () => void): Command {
  const { announcer } = useServices();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = async <T>(act: () => Promise<T>, said: (answer: T) => string) => {
    setBusy(true);
    try {
      const answer = await act();
      setProblem(null);
      announcer.say(said(answer));
      after();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return {
    busy,
    problem,
    run: (act, said) => {
      if (!busy) void attempt(act, said);
    },
  };
}
