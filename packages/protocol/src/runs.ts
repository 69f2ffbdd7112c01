/**
 * Questions about runs, and what can be done about them. `scope=all` (administrators; their default) is everybody's, `scope=own` one's own.
 *
 *   GET    /v1/runs                        list                ?since=&state=&pipeline=&scope=&limit=&cursor= → RunList
 *   GET    /v1/runs/summary                what ended          ?since=&scope= → RunSummary
 *   POST   /v1/runs/retry                  failed steps again  RetryFailed → Retried
 *   POST   /v1/runs/:id/retry              one run             → Run
 *   POST   /v1/runs/:id/cancel             ?wait=seconds (0 … 60, 20) → 200 Run | 202 Run (something of it has not let go yet)
 *   GET    /v1/runs/:id/attempts           history of its steps → AttemptList
 *   GET    /v1/steps                       ?state=running | waiting | failed → PlacedStepList
 *   GET    /v1/steps/failures              failed steps by reason → FailureGroupList
 *   GET    /v1/steps/durations             how long steps take ?since=&step= → DurationList
 *   GET    /v1/steps/:key                  → PlacedStep
 *   GET    /v1/steps/:key/attempts         history, with log and standard error → AttemptList
 *   POST   /v1/steps/:key/retry|cancel     → PlacedStep
 *   GET    /v1/classes                     → ClassList
 *   POST   /v1/classes/:name/pause|resume  administrators only → Class
 */
import { type Static, type TSchema, Type } from 'typebox';
import { runStates, stepStates } from './native.ts';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Time = Type.String({ format: 'date-time' });
const Text = <T extends string>(values: readonly T[]) => Type.Unsafe<T>(Type.String({ enum: [...values] }));

export const errorClasses = ['permanent', 'transient', 'timeout', 'stalled', 'lost', 'crash', 'cancelled'] as const;
export type ErrorClass = (typeof errorClasses)[number];

export const attemptStates = ['running', 'succeeded', 'skipped', 'failed', 'cancelled', 'released'] as const;

export const Attempt = Type.Object({
  stepKey: Type.String(),
  step: Type.String({ description: 'Name of the step.' }),
  number: Type.Integer({ description: '1, 2, 3 … over the whole life of the step.' }),
  attempt: Type.Integer({ description: 'Number since the step was last put back by hand.' }),
  node: Type.String(),
  state: Text(attemptStates),
  dueAt: Time,
  startedAt: Time,
  endedAt: Nullable(Time),
  reason: Nullable(Type.String()),
  errorClass: Nullable(Text(errorClasses)),
  exitCode: Nullable(Type.Integer({ description: 'Of the program that failed.' })),
  stderr: Nullable(Type.String({ description: 'The end of what that program wrote to standard error.' })),
  log: Type.String({ description: 'The last lines that the step logged.' }),
});
export type Attempt = Static<typeof Attempt>;
export const AttemptList = Type.Object({ items: Type.Array(Attempt) }, { $id: 'AttemptList' });
export type AttemptList = Static<typeof AttemptList>;

/** What a step that has not started waits for. */
export const Waits = Type.Object({
  for: Text(['steps', 'class-paused', 'time', 'place', 'class', 'turn'] as const),
  words: Type.String({ description: 'For people.' }),
  until: Nullable(Time),
});
export type Waits = Static<typeof Waits>;

export const PlacedStep = Type.Object(
  {
    key: Type.String(),
    name: Type.String(),
    version: Type.String(),
    class: Type.String(),
    state: Text(stepStates),
    attempt: Type.Integer(),
    attemptsMax: Type.Integer(),
    progress: Type.Number({ description: '0 … 1 within the running attempt.' }),
    reason: Nullable(Type.String()),
    errorClass: Nullable(Text(errorClasses)),
    cancelling: Type.Boolean(),
    node: Nullable(Type.String({ description: 'That works on it.' })),
    startedAt: Nullable(Time),
    finishedAt: Nullable(Time),
    waits: Nullable(Waits),
    runId: Type.String({ description: 'The newest run that has the step.' }),
    pipeline: Type.String(),
    assetId: Type.String(),
    assetName: Type.String(),
  },
  { $id: 'PlacedStep' },
);
export type PlacedStep = Static<typeof PlacedStep>;
export const PlacedStepList = Type.Object(
  { items: Type.Array(PlacedStep), cursor: Nullable(Type.String()) },
  { $id: 'PlacedStepList' },
);
export type PlacedStepList = Static<typeof PlacedStepList>;

export const FailureGroup = Type.Object({
  step: Type.String(),
  errorClass: Nullable(Text(errorClasses)),
  reason: Type.String(),
  count: Type.Integer(),
  firstAt: Time,
  lastAt: Time,
});
export type FailureGroup = Static<typeof FailureGroup>;
export const FailureGroupList = Type.Object({ items: Type.Array(FailureGroup) }, { $id: 'FailureGroupList' });
export type FailureGroupList = Static<typeof FailureGroupList>;

export const StepDuration = Type.Object({
  step: Type.String(),
  version: Type.String(),
  count: Type.Integer({ description: 'Attempts that succeeded.' }),
  medianMs: Type.Integer(),
  p95Ms: Type.Integer(),
  maxMs: Type.Integer(),
  totalMs: Type.Integer(),
  medianWaitMs: Type.Integer({ description: 'From when it could have started to when it did.' }),
  maxWaitMs: Type.Integer(),
});
export type StepDuration = Static<typeof StepDuration>;
export const DurationList = Type.Object({ since: Time, items: Type.Array(StepDuration) }, { $id: 'DurationList' });
export type DurationList = Static<typeof DurationList>;

export const RunCount = Type.Object({
  pipeline: Type.String(),
  state: Text(runStates),
  runs: Type.Integer(),
  assets: Type.Integer({ description: 'Different contents.' }),
  bytes: Type.Integer({ description: 'Of the contents of these runs.' }),
});
export type RunCount = Static<typeof RunCount>;
export const RunSummary = Type.Object({ since: Time, items: Type.Array(RunCount) }, { $id: 'RunSummary' });
export type RunSummary = Static<typeof RunSummary>;

export const RetryFailed = Type.Object(
  {
    all: Type.Optional(Type.Literal(true, { description: 'Every failed step.' })),
    step: Type.Optional(Type.String({ maxLength: 200 })),
    pipeline: Type.Optional(Type.String({ maxLength: 200 })),
    errorClass: Type.Optional(Text(errorClasses)),
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1000, description: 'Part of it, whatever its case.' }),
    ),
    since: Type.Optional(Time),
    scope: Type.Optional(Text(['own', 'all'] as const)),
  },
  { $id: 'RetryFailed', additionalProperties: false },
);
export type RetryFailed = Static<typeof RetryFailed>;
export const Retried = Type.Object(
  { retried: Type.Integer({ description: 'Failed steps that were put back.' }) },
  { $id: 'Retried' },
);
export type Retried = Static<typeof Retried>;

export const Class = Type.Object(
  {
    name: Type.String(),
    limit: Nullable(Type.Integer({ description: 'Steps at once on this node; null when it takes none of them.' })),
    running: Type.Integer({ description: 'On all nodes.' }),
    pending: Type.Integer(),
    paused: Nullable(Type.Object({ at: Time, by: Type.String() })),
  },
  { $id: 'Class' },
);
export type Class = Static<typeof Class>;
export const ClassList = Type.Object({ items: Type.Array(Class) }, { $id: 'ClassList' });
export type ClassList = Static<typeof ClassList>;
