/** The one schema of the configuration. Every key can come from the file, the environment (see `sources.ts`) or a flag of `serve`. */
import { type Static, Type } from 'typebox';
import { clusterSettings } from './cluster-settings.ts';
import { engineProperties } from './engines.ts';
import { processSettings } from './process-settings.ts';
import { s3Settings } from './s3-settings.ts';
import { traceSettings } from './trace-settings.ts';
import { watchSettings } from './watch-settings.ts';

const Secret = Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 5 })]);
const HookTimeout = Type.Optional(Type.Number({ minimum: 0.1, maximum: 60 }));
/** How browsers may compress speech before they send it: bitrates of Opus at 16 kHz, mono, from 128 kbit/s down to 32. */
export const compressionPresets = ['MEDICAL_HIGH_QUALITY', 'MEDICAL_BALANCED', 'MOBILE_OPTIMIZED', 'SPEECH'] as const;
function perMinute(standard: number, what: string) {
  return Type.Integer({ default: standard, minimum: 0, description: `${what}; 0: no limit.` });
}

export const ConfigSchema = Type.Object(
  {
    host: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      description: 'Address to listen on. Anything but loopback needs API keys.',
    }),
    port: Type.Integer({
      default: 8080,
      minimum: 0,
      maximum: 65_535,
      description: 'Port to listen on; 0 takes a free one.',
    }),
    dataDir: Type.String({
      default: './data',
      minLength: 1,
      description: 'Folder for the state, the incoming bytes, the assets and the artifacts.',
    }),
    ...processSettings,
    ...clusterSettings,
    ...s3Settings,
    ...traceSettings,
    durability: Type.Union([Type.Literal('synced'), Type.Literal('committed')], {
      default: 'synced',
      description: 'What an acknowledged chunk survives: synced = power loss; committed = the death of the process.',
    }),
    apiKeys: Type.Array(
      Type.Object(
        {
          principal: Type.String({ pattern: '^[A-Za-z0-9_.@-]{1,64}$' }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        },
        { additionalProperties: false },
      ),
      {
        default: [],
        description:
          'Who may use the server. The environment takes HOLDFAST_API_KEYS=name:key,name:key; the file takes the SHA-256 of each key.',
      },
    ),
    jwksUrl: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description:
          'Where your identity provider publishes its keys: its tokens are taken, their subject is the principal.',
      }),
    ),
    jwtIssuer: Type.Optional(
      Type.String({ minLength: 1, description: 'Issuer of those tokens. Needed with jwksUrl.' }),
    ),
    jwtAudience: Type.Optional(
      Type.String({ minLength: 1, description: 'Audience that those tokens are for. Needed with jwksUrl.' }),
    ),
    jwtAlgorithms: Type.Array(
      Type.Union(
        (['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const).map((a) =>
          Type.Literal(a),
        ),
      ),
      { default: ['RS256', 'PS256', 'ES256', 'EdDSA'], minItems: 1, description: 'Signatures that are taken.' },
    ),
    jwtClockToleranceSeconds: Type.Integer({
      default: 30,
      minimum: 0,
      maximum: 600,
      description: 'By how much the clocks of the identity provider and of this machine may differ.',
    }),
    allowedTypes: Type.Array(Type.String({ pattern: '^[^/\\s]+/[^/\\s]+$' }), {
      default: [],
      description:
        'Media types that are taken, such as audio/*,video/mp4; empty: all. By what is declared and by the first bytes.',
    }),
    basePath: Type.String({
      default: '',
      pattern: '^(?:|(?:/[A-Za-z0-9._~-]+)+)$',
      description:
        'Where the server is on its host, such as /holdfast; empty: at the root. A proxy may take it off or leave it.',
    }),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[^/]+',
        description: 'Where clients reach the server: `holdfast doctor` looks from there.',
      }),
    ),
    readsPerMinute: perMinute(6_000, 'Reading requests per minute and address'),
    writesPerMinute: perMinute(3_000, 'Creations and other changes per minute and address'),
    chunksPerMinute: perMinute(60_000, 'Chunks per minute and address'),
    failedSignInsPerMinute: perMinute(30, 'Wrong credentials per minute and address'),
    maxOpenUploads: Type.Integer({ default: 5_000, minimum: 1, description: 'Unfinished uploads per principal.' }),
    maxOpenUploadsGb: Type.Number({
      default: 0,
      minimum: 0,
      description: 'GiB that the unfinished uploads of a principal may have together; 0: as much as the disk.',
    }),
    corsOrigins: Type.Array(Type.String({ pattern: '^https?://[^/]+$' }), {
      default: [],
      description: 'Origins of other web pages that may call the API.',
    }),
    trustedProxies: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Addresses or CIDR ranges of proxies whose X-Forwarded-* headers are believed.',
    }),
    logLevel: Type.Union(
      (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map((l) => Type.Literal(l)),
      { default: 'info', description: 'debug also logs each chunk and request.' },
    ),
    maxFileSizeGb: Type.Number({
      default: 1024,
      exclusiveMinimum: 0,
      maximum: 6_000,
      description: 'Largest file taken, in GiB.',
    }),
    maxChunkSizeMb: Type.Integer({
      default: 64,
      minimum: 1,
      maximum: 1024,
      description: 'Largest chunk taken, in MiB (MAX_CHUNK_SIZE_MB).',
    }),
    sessionTimeoutHours: Type.Number({
      default: 24,
      exclusiveMinimum: 0,
      maximum: 8_760,
      description: 'Hours without a chunk after which an upload expires (CHUNK_SESSION_TIMEOUT_HOURS).',
    }),
    cleanupIntervalMinutes: Type.Number({
      default: 1,
      exclusiveMinimum: 0,
      maximum: 1_440,
      description: 'Minutes between clean-ups (CLEANUP_INTERVAL_MINUTES).',
    }),
    retentionDays: Type.Number({
      default: 7,
      exclusiveMinimum: 0,
      maximum: 3_650,
      description: 'Days that ended uploads stay in lists. Assets stay until they are deleted.',
    }),
    bodyIdleSeconds: Type.Number({
      default: 30,
      minimum: 1,
      maximum: 3_600,
      description: 'A sender that sends nothing for this long is cut off.',
    }),
    chunkValidation: Type.Boolean({
      default: true,
      description:
        'Whether checksums of recordings and of their chunks are checked and chunks get a SHA-256 (ENABLE_CHUNK_VALIDATION).',
    }),
    audioCompression: Type.Boolean({
      default: true,
      description: 'Whether browsers are told to compress recordings before they send them (ENABLE_AUDIO_COMPRESSION).',
    }),
    compressionPreset: Type.Union(
      compressionPresets.map((preset) => Type.Literal(preset)),
      {
        default: 'MEDICAL_BALANCED',
        description: `The preset that browsers are told: ${compressionPresets.join(', ')} (DEFAULT_COMPRESSION_PRESET).`,
      },
    ),
    preserveOriginalAudio: Type.Boolean({
      default: false,
      description: 'Whether browsers are told to send the original of a recording too (PRESERVE_ORIGINAL_AUDIO).',
    }),
    minBodyBytesPerSecond: Type.Integer({
      default: 1_024,
      minimum: 0,
      description: 'A sender that sends less than this on average over bodyIdleSeconds is cut off; 0: never.',
    }),
    reserveMb: Type.Integer({ default: 512, minimum: 0, description: 'MiB of the disk that uploads leave free.' }),
    hashWorkers: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 64,
      description: 'Threads that hash; 0 = by the number of cores.',
    }),
    pipeline: Type.Boolean({
      default: true,
      description: 'Whether this server processes assets. Uploads work without.',
    }),
    pipelines: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Definition file of pipelines (YAML), or a folder of such files; without it there is the built-in pipeline "media". See docs/pipelines.md.',
      }),
    ),
    mediaConcurrency: Type.Integer({ default: 1, minimum: 1, maximum: 64, description: 'Heavy media steps at once.' }),
    ...watchSettings,
    recognitionConcurrency: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 64,
      description: 'Steps that recognise speech, voices or text at once.',
    }),
    // As providers name them: `auth0|5f2a`.
    admins: Type.Array(Type.String({ pattern: '^\\P{Cc}{1,256}$' }), {
      default: [],
      description:
        'Principals that may look after what concerns everybody: webhooks, watched folders, pipelines, runs of others. Where nobody has to say who asks, everybody may.',
    }),
    webhooks: Type.Array(
      Type.Object(
        {
          url: Type.String({ minLength: 1, maxLength: 2048 }),
          secret: Secret,
          events: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 32 })),
          timeoutSeconds: HookTimeout,
        },
        { additionalProperties: false },
      ),
      {
        default: [],
        maxItems: 32,
        description:
          'Addresses that are told of events: {url, secret, events, timeoutSeconds}, as a list; the environment takes it as JSON. See docs/webhooks.md.',
      },
    ),
    webhookTimeoutSeconds: Type.Number({
      default: 15,
      minimum: 0.1,
      maximum: 60,
      description: 'An endpoint that has not answered by then is tried again later.',
    }),
    webhookFirstRetrySeconds: Type.Number({
      default: 5,
      minimum: 0.01,
      maximum: 3_600,
      description:
        'Wait before the second attempt at a webhook; each further wait is three times as long, up to 12 hours.',
    }),
    webhookRetryHours: Type.Number({
      default: 72,
      exclusiveMinimum: 0,
      maximum: 720,
      description: 'Hours after which a webhook is given up.',
    }),
    webhookConcurrency: Type.Integer({
      default: 4,
      minimum: 1,
      maximum: 64,
      description: 'Requests under way at each webhook endpoint.',
    }),
    creationHook: Type.Optional(
      Type.Object(
        {
          url: Type.String({ minLength: 1, maxLength: 2048 }),
          secret: Secret,
          timeoutSeconds: HookTimeout,
          whenUnreachable: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('allow')])),
        },
        {
          additionalProperties: false,
          description:
            'Asked before each upload is created: {url, secret, timeoutSeconds: 5, whenUnreachable: refuse | allow}; the environment takes it as JSON.',
        },
      ),
    ),
    ...engineProperties,
    ffmpegPath: Type.Optional(
      Type.String({ minLength: 1, description: 'ffmpeg to use; by default the one on the PATH (FFMPEG_PATH).' }),
    ),
    ffprobePath: Type.Optional(
      Type.String({ minLength: 1, description: 'ffprobe to use; by default the one on the PATH (FFPROBE_PATH).' }),
    ),
  },
  { additionalProperties: false },
);

export type Config = Readonly<Static<typeof ConfigSchema>>;
export type ConfigKey = keyof typeof ConfigSchema.properties;
