/** The settings of watched folders, as part of the schema. */
import { Type } from 'typebox';

/** One watched folder. */
const WatchEntry = Type.Object(
  {
    path: Type.String({ minLength: 1, maxLength: 4_096 }),
    recursive: Type.Optional(Type.Boolean()),
    intervalSeconds: Type.Optional(Type.Number({ minimum: 0.05, maximum: 604_800 })),
    settleSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400 })),
    formats: Type.Optional(Type.Array(Type.String({ pattern: '^[^/\\s]+/[^/\\s]+$' }), { minItems: 1, maxItems: 64 })),
    take: Type.Optional(
      Type.Union([
        Type.Literal('auto'),
        Type.Literal('reflink'),
        Type.Literal('link'),
        Type.Literal('copy'),
        Type.Literal('in-place'),
      ]),
    ),
    outcome: Type.Optional(Type.Union([Type.Literal('keep'), Type.Literal('move')])),
    completedDir: Type.Optional(Type.String({ minLength: 1 })),
    failedDir: Type.Optional(Type.String({ minLength: 1 })),
    results: Type.Optional(Type.String({ minLength: 1 })),
    sentinel: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^/]+$' })),
    principal: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.@-]{1,64}$' })),
    metadata: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 4_096 }), {
        maxProperties: 64,
      }),
    ),
  },
  { additionalProperties: false },
);

export const watchSettings = {
  watch: Type.Array(WatchEntry, {
    default: [],
    maxItems: 256,
    description:
      'Folders whose files are taken and processed: {path, recursive, intervalSeconds, settleSeconds, formats, take, outcome, …}, as a list; the environment takes JSON, or paths separated by commas (ORCHESTRATOR_INPUT_DIR). See docs/watch.md.',
  }),
  watchIntervalSeconds: Type.Number({
    default: 300,
    minimum: 0.05,
    maximum: 604_800,
    description:
      'Seconds between two scans of a watched folder when nothing tells of a change (ORCHESTRATOR_INTERVAL).',
  }),
  watchSettleSeconds: Type.Number({
    default: 5,
    minimum: 0,
    maximum: 86_400,
    description: 'Seconds that size and times of a watched file have to be the same before it is taken.',
  }),
  watchConcurrency: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'Watched files that are read at once.',
  }),
  processedLog: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'File that gets one line for each processed content of watched folders: SHA-256, time, outcome, name.',
    }),
  ),
};
