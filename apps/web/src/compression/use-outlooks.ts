import type { EstimateGoal } from '@holdfast/client/audio';
import { useEffect, useState } from 'react';
import { useServices } from '../app/services.tsx';
import { setTimer } from '../state/resource.ts';
import { goalOf, type Outlook, outlookOf, type SoundChoice, soundChoices } from './sound-choice.ts';

export type Outlooks = ReadonlyMap<SoundChoice, Outlook>;

// Each takes a worker a moment; the others are taken to be like them.
const lookedIntoMax = 4;
const typingMs = 250;
const presets = soundChoices.map(({ choice }) => choice).filter((choice) => choice !== 'as-is' && choice !== 'target');

/** What each choice would make of the files; null while that is being found out. */
export function useOutlooks(files: readonly File[], targetMB: number): Outlooks | null {
  const forPresets = useEstimates(files, presets, 0);
  const forTarget = useEstimates(files, ['target'], targetMB);
  if (forPresets === null) return null;
  return new Map([...forPresets, ...(forTarget ?? [])]);
}

function useEstimates(files: readonly File[], choices: readonly SoundChoice[], targetMB: number): Outlooks | null {
  const { loadAudio } = useServices();
  const [found, setFound] = useState<Outlooks | null>(null);
  const key = choices.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says which choices they are.
  useEffect(() => {
    const stop = new AbortController();
    const goals = choices.map((choice) => goalOf(choice, targetMB)).filter((goal) => goal !== null);
    const look = async () => {
      const { estimateCompressions } = await loadAudio();
      const each: (readonly Awaited<ReturnType<typeof estimateCompressions>>[number][])[] = [];
      for (const file of files.slice(0, lookedIntoMax)) {
        each.push(await estimateCompressions(file, goals as readonly EstimateGoal[], { signal: stop.signal }));
      }
      const allBytes = files.reduce((sum, { size }) => sum + size, 0);
      const outlook = (index: number) =>
        outlookOf(
          each.flatMap((estimates) => estimates[index] ?? []),
          allBytes,
        );
      if (!stop.signal.aborted) setFound(new Map(choices.map((choice, index) => [choice, outlook(index)])));
    };
    const usable = targetMB > 0 || goals.every((goal) => typeof goal === 'string');
    const cancel = usable
      ? setTimer(() => void look().catch(() => setFound(new Map())), targetMB > 0 ? typingMs : 0)
      : () => {};
    return () => {
      cancel();
      stop.abort();
    };
  }, [files, key, targetMB, loadAudio]);
  return found;
}
