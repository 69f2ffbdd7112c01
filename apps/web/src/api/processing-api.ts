/** The part of the native API about runs, steps and classes. */
import type {
  Attempt,
  AttemptList,
  Class,
  ClassList,
  DurationList,
  FailureGroup,
  FailureGroupList,
  PlacedStep,
  PlacedStepList,
  Retried,
  RetryFailed,
  Run,
  RunCount,
  RunSummary,
  StepDuration,
} from '@holdfast/protocol';

/** Everything that the page about processing shows at once. */
export interface Processing {
  readonly classes: readonly Class[];
  readonly running: readonly PlacedStep[];
  readonly waiting: readonly PlacedStep[];
  readonly failures: readonly FailureGroup[];
  /** Of the last seven days. */
  readonly durations: readonly StepDuration[];
  readonly ended: readonly RunCount[];
}

export interface ProcessingApi {
  overview(): Promise<Processing>;
  /** Failed steps of one group, newest first. */
  failedSteps(group: FailureGroup): Promise<PlacedStep[]>;
  attempts(stepKey: string): Promise<Attempt[]>;
  retryStep(key: string): Promise<PlacedStep>;
  /** Resolves to how many failed steps were put back. */
  retryFailed(which: RetryFailed): Promise<number>;
  cancelRun(id: string): Promise<Run>;
  pauseClass(name: string): Promise<Class>;
  resumeClass(name: string): Promise<Class>;
}

export interface Requests {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
}

/** The page shows that many; more do not help anybody. */
const stepsMax = 200;

export function createProcessingApi({ get, post }: Requests): ProcessingApi {
  const steps = async (query: Record<string, string>) =>
    (await get<PlacedStepList>(`/v1/steps?${new URLSearchParams({ limit: String(stepsMax), ...query })}`)).items;
  return {
    overview: async () => {
      const [classes, running, waiting, failures, durations, ended] = await Promise.all([
        get<ClassList>('/v1/classes'),
        steps({ state: 'running' }),
        steps({ state: 'waiting' }),
        get<FailureGroupList>('/v1/steps/failures'),
        get<DurationList>('/v1/steps/durations'),
        get<RunSummary>('/v1/runs/summary'),
      ]);
      return {
        classes: classes.items,
        running,
        waiting,
        failures: failures.items,
        durations: durations.items,
        ended: ended.items,
      };
    },
    failedSteps: ({ step, errorClass, reason }) => {
      const kind = errorClass === null ? {} : { errorClass };
      return steps({ state: 'failed', step, ...kind, ...(reason === '' ? {} : { reason }) });
    },
    attempts: async (key) => (await get<AttemptList>(`/v1/steps/${encodeURIComponent(key)}/attempts`)).items,
    retryStep: (key) => post(`/v1/steps/${encodeURIComponent(key)}/retry`),
    retryFailed: async (which) => (await post<Retried>('/v1/runs/retry', which)).retried,
    cancelRun: (id) => post(`/v1/runs/${encodeURIComponent(id)}/cancel`),
    pauseClass: (name) => post(`/v1/classes/${encodeURIComponent(name)}/pause`),
    resumeClass: (name) => post(`/v1/classes/${encodeURIComponent(name)}/resume`),
  };
}
