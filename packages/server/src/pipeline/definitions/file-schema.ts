/** The shape of a definition file. Pipelines and steps are checked one by one, so that every mistake is told and not only the first few. */
import { type Static, Type } from 'typebox';
import { durationPattern, sizePattern } from './quantities.ts';

const strict = { additionalProperties: false };
const Duration = Type.String({ pattern: durationPattern, description: 'A duration such as 500ms, 90s, 10m or 2h.' });
const Size = Type.String({ pattern: sizePattern, description: 'A size such as 200kB, 50MB or 2GiB.' });
const Name = Type.String({
  pattern: '^[a-z][a-z0-9_-]{0,62}$',
  description: 'A name: lower-case letters, digits, _ and -, a letter first.',
});
const Names = Type.Array(Name, { maxItems: 64, uniqueItems: true });
const Word = Type.Union([Type.String({ maxLength: 8_192 }), Type.Number()], { description: 'A text or a number.' });
const EnvName = '^[A-Za-z_][A-Za-z0-9_]{0,127}$';
const ExitCodes = Type.Array(Type.Integer({ minimum: 1, maximum: 255 }), { maxItems: 64 });

const Room = Type.Integer({ minimum: 1, maximum: 256 });
/** A number is for this server alone; both are for servers that share their work. */
const ClassRoom = Type.Union(
  [
    Room,
    Type.Object(
      { perNode: Type.Optional(Room), cluster: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })) },
      { ...strict, minProperties: 1 },
    ),
  ],
  { description: 'A number, or { perNode: 1, cluster: 4 }.' },
);
export type ClassEntry = Static<typeof ClassRoom>;

export const FileShape = Type.Object(
  {
    default: Type.Optional(
      Type.Boolean({ description: 'false: without the built-in pipeline "media". At most one file says it.' }),
    ),
    classes: Type.Optional(
      Type.Record(Name, ClassRoom, {
        description: 'How many steps of a class may run at once: on this server, or { perNode: 1, cluster: 4 }.',
      }),
    ),
    pipelines: Type.Array(Type.Unknown(), { maxItems: 64, description: 'A list of pipelines.' }),
  },
  strict,
);

export const PipelineShape = Type.Object(
  {
    name: Name,
    description: Type.Optional(Type.String({ maxLength: 2_000 })),
    extends: Type.Optional(Name),
    without: Type.Optional(Names),
    applies: Type.Optional(
      Type.Object(
        {
          types: Type.Optional(
            Type.Array(Type.String({ pattern: '^(?:\\*/\\*|[^/\\s*]+/(?:\\*|[^/\\s*]+))$' }), {
              minItems: 1,
              maxItems: 64,
              description: 'Media types such as video/mp4, or ranges such as audio/*.',
            }),
          ),
          sources: Type.Optional(
            Type.Array(
              Type.Union([Type.Literal('upload'), Type.Literal('watch')], { description: 'upload or watch.' }),
              {
                minItems: 1,
                maxItems: 2,
              },
            ),
          ),
          metadata: Type.Optional(
            Type.Record(Type.String({ minLength: 1, maxLength: 256 }), Type.String({ maxLength: 1_024 }), {
              description: 'Patterns by metadata key, such as course: "hist*".',
            }),
          ),
          size: Type.Optional(Type.Object({ min: Type.Optional(Size), max: Type.Optional(Size) }, strict)),
        },
        strict,
      ),
    ),
    steps: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 64, description: 'A list of steps.' })),
  },
  strict,
);
export type PipelineEntry = Static<typeof PipelineShape>;

const OutputShape = Type.Object(
  {
    file: Type.String({
      minLength: 1,
      maxLength: 150,
      description: 'A file name such as "{name}.analytic.json"; {name} is the name of the asset.',
    }),
    type: Type.String({
      pattern: '^[^/\\s]+/[^/\\s;]+(?:;.*)?$',
      description: 'A media type such as application/json.',
    }),
    required: Type.Optional(Type.Boolean()),
    maxSize: Type.Optional(Size),
    from: Type.Optional(Type.Literal('stdout', { description: 'stdout: the standard output is the file.' })),
  },
  strict,
);

export const StepShape = Type.Object(
  {
    name: Type.Optional(Name),
    description: Type.Optional(Type.String({ maxLength: 2_000 })),
    uses: Type.Optional(Type.String({ minLength: 1, description: 'The name of a step that Holdfast has.' })),
    command: Type.Optional(
      Type.Array(
        Type.Union([Word, Type.Array(Word, { minItems: 1 })], {
          description: 'An argument, or a list of arguments that are left out together.',
        }),
        { minItems: 1, maxItems: 512, description: 'The program and its arguments, as a list.' },
      ),
    ),
    version: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Integer()], {
        description: 'A text or a number.',
      }),
    ),
    with: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.Unknown())),
    needs: Type.Optional(Names),
    wants: Type.Optional(Names),
    retries: Type.Optional(
      Type.Object(
        {
          attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Attempts in all.' })),
          initial: Type.Optional(Duration),
          factor: Type.Optional(Type.Number({ minimum: 1, maximum: 100 })),
          max: Type.Optional(Duration),
          jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
        },
        strict,
      ),
    ),
    timeout: Type.Optional(Duration),
    stall: Type.Optional(Duration),
    class: Type.Optional(Name),
    priority: Type.Optional(Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 })),
    env: Type.Optional(Type.Record(Type.String({ pattern: EnvName }), Word)),
    inherit: Type.Optional(
      Type.Array(Type.String({ pattern: EnvName }), { maxItems: 64, description: 'Names of environment variables.' }),
    ),
    network: Type.Optional(Type.Boolean({ description: 'true lets the command use the network.' })),
    outputs: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,62}$' }), OutputShape)),
    exitCodes: Type.Optional(
      Type.Object(
        { retry: Type.Optional(ExitCodes), never: Type.Optional(ExitCodes), skip: Type.Optional(ExitCodes) },
        strict,
      ),
    ),
    limits: Type.Optional(
      Type.Object({ memory: Type.Optional(Size), fileSize: Type.Optional(Size), cpu: Type.Optional(Duration) }, strict),
    ),
  },
  strict,
);
export type StepEntry = Static<typeof StepShape>;
