/** What the page about processing says, from what the server answers. Pure. */
import type { Class, FailureGroup, PlacedStep, RetryFailed, RunCount } from '@holdfast/protocol';

/** A place in which a step can run; with a step in it, or free. */
export interface Place {
  readonly id: string;
  readonly class: string;
  readonly step: PlacedStep | null;
}

/** As many places as may be taken at once, so that the list keeps its height while steps come and go; more when other nodes run some. */
export function placesOf(classes: readonly Class[], running: readonly PlacedStep[]): Place[] {
  const names = [...new Set([...classes.map((one) => one.name), ...running.map((step) => step.class)])];
  return names.flatMap((name) => {
    const own = running.filter((step) => step.class === name);
    const limit = classes.find((one) => one.name === name)?.limit ?? 0;
    const free = Math.max(0, limit - own.length);
    return [
      ...own.map((step) => ({ id: step.key, class: name, step })),
      ...Array.from({ length: free }, (_, i) => ({ id: `${name} ${i}`, class: name, step: null })),
    ];
  });
}

export interface Ended {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Of the contents that were processed. */
  readonly bytes: number;
}

export function endedOf(counts: readonly RunCount[]): Ended {
  const sum = (state: RunCount['state']) =>
    counts.reduce((total, one) => (one.state === state ? total + one.runs : total), 0);
  const bytes = counts.reduce((total, one) => (one.state === 'succeeded' ? total + one.bytes : total), 0);
  return { succeeded: sum('succeeded'), failed: sum('failed'), cancelled: sum('cancelled'), bytes };
}

/** `42 ms`, `3.1 s`, `4 min 2 s`, `1 h 5 min` */
export function shortTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor(seconds / 60) % 60} min`;
}

const kinds: Readonly<Record<NonNullable<FailureGroup['errorClass']>, string>> = {
  permanent: 'The file is at fault',
  transient: 'Something went wrong',
  timeout: 'Took too long',
  stalled: 'Got nowhere',
  lost: 'The node fell silent',
  crash: 'The server ended while it ran',
  cancelled: 'Cancelled',
};

export function kindWords(errorClass: FailureGroup['errorClass']): string {
  return errorClass === null ? 'Failed' : kinds[errorClass];
}

export function groupId({ step, errorClass, reason }: FailureGroup): string {
  return `${step} ${errorClass} ${reason}`;
}

/** What to order for doing a group again. */
export function retryOf({ step, errorClass, reason }: FailureGroup): RetryFailed {
  const kind = errorClass === null ? {} : { errorClass };
  return { step, ...kind, ...(reason === '' ? {} : { reason }) };
}
