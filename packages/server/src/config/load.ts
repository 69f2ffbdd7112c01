/** Configuration, parsed once at the edge: defaults < file < environment < flags → one frozen object. Unknown keys are refused. */
import { createHash } from 'node:crypto';
import { Value } from 'typebox/value';
import { parse as parseYaml } from 'yaml';
import { HoldfastError } from '../core/errors.ts';
import { checkLimits, defaultLimits, type Limits } from '../core/limits.ts';
import { type Config, type ConfigKey, ConfigSchema } from './schema.ts';

/** Names that other systems use for the same settings (C12) beside HOLDFAST_<KEY>. */
const aliases: Readonly<Record<string, ConfigKey>> = {
  MAX_CHUNK_SIZE_MB: 'maxChunkSizeMb',
  CHUNK_SESSION_TIMEOUT_HOURS: 'sessionTimeoutHours',
  CLEANUP_INTERVAL_MINUTES: 'cleanupIntervalMinutes',
  ENABLE_CHUNK_VALIDATION: 'chunkValidation',
  ENABLE_AUDIO_COMPRESSION: 'audioCompression',
  DEFAULT_COMPRESSION_PRESET: 'compressionPreset',
  PRESERVE_ORIGINAL_AUDIO: 'preserveOriginalAudio',
  ORCHESTRATOR_INPUT_DIR: 'watch',
  ORCHESTRATOR_INTERVAL: 'watchIntervalSeconds',
  ORCHESTRATOR_STATE_DIR: 'dataDir',
  FFMPEG_PATH: 'ffmpegPath',
  FFPROBE_PATH: 'ffprobePath',
};

/** HOLDFAST_ variables that belong to the command line's client side, not to the server. */
const notConfig = new Set(['HOLDFAST_SERVER', 'HOLDFAST_API_KEY', 'HOLDFAST_CONFIG', 'HOLDFAST_TEST_CRASH_AT']);

export interface Sources {
  /** Text of the configuration file (YAML or JSON) and its name for errors. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By key; undefined ones are passed over. */
  readonly flags: Readonly<Partial<Record<ConfigKey, unknown>>>;
}

/** Throws `invalid-request` that names the key, its source and what it takes. */
export function loadConfig(sources: Sources): Config {
  const merged: Record<string, unknown> = { ...fromFile(sources.file), ...fromEnvironment(sources.env) };
  for (const [key, value] of Object.entries(sources.flags)) if (value !== undefined) merged[key] = value;
  // On a copy: defaults are filled in and everything is frozen, which is not for what the caller has.
  const config = Value.Default(ConfigSchema, structuredClone(merged));
  for (const error of Value.Errors(ConfigSchema, config)) {
    const key = error.instancePath.split('/')[1] ?? '';
    const described = (ConfigSchema.properties as Record<string, { description?: string } | undefined>)[key]
      ?.description;
    // `additionalProperties: false` says it in its own words for every name that it does not know.
    const message = error.keyword === 'boolean' ? 'is not a setting' : error.message;
    throw refused(
      key === ''
        ? `The configuration ${error.message}: ${JSON.stringify(unknownKeys(merged))}`
        : `Setting "${error.instancePath.slice(1).replaceAll('/', '.')}" ${message}. ${described ?? ''}`,
    );
  }
  return deepFreeze(config as Config);
}

export function limitsOf(config: Config): Limits {
  const MiB = 1024 * 1024;
  const fileBytesWanted = Math.floor(config.maxFileSizeGb * 1024 * MiB);
  // An object store puts 10,000 pieces together at once: a larger file gets larger chunks, so that it needs one round.
  const inBucket = config.blobs.startsWith('s3://');
  const chunksMax = inBucket ? 10_000 : defaultLimits.chunksMax;
  const chunkBytesMax = Math.max(config.maxChunkSizeMb * MiB, inBucket ? Math.ceil(fileBytesWanted / chunksMax) : 0);
  return checkLimits({
    ...defaultLimits,
    fileBytesMax: Math.min(fileBytesWanted, chunkBytesMax * chunksMax),
    chunksMax,
    chunkBytesMax,
    chunkBytesDefault: Math.min(defaultLimits.chunkBytesDefault, chunkBytesMax),
    liveUploadsMax: config.maxOpenUploads,
    liveBytesMax:
      config.maxOpenUploadsGb === 0 ? Number.MAX_SAFE_INTEGER : Math.ceil(config.maxOpenUploadsGb * 1024 * MiB),
    uploadTtlMs: Math.ceil(config.sessionTimeoutHours * 3_600_000),
    endedRetentionMs: Math.ceil(config.retentionDays * 24 * 3_600_000),
    bodyIdleMs: Math.ceil(config.bodyIdleSeconds * 1000),
    bodyBytesPerSecondMin: config.minBodyBytesPerSecond,
  });
}

function fromFile(file: Sources['file']): Record<string, unknown> {
  if (!file) return {};
  const parsed: unknown = parseFile(file);
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw refused(`${file.name} is not a list of settings.`);
  return { ...parsed };
}

function parseFile(file: { name: string; text: string }): unknown {
  try {
    return parseYaml(file.text);
  } catch (cause) {
    // Behind its first line the message repeats those of the file, which has secrets in it; so does the cause.
    const [what = ''] = String(cause instanceof Error ? cause.message : cause).split('\n');
    throw refused(`${file.name} cannot be read: ${what.replace(/:$/, '.')}`);
  }
}

function fromEnvironment(env: Sources['env']): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || text === '' || notConfig.has(name)) continue;
    const key = aliases[name] ?? (name.startsWith('HOLDFAST_') ? keyOf(name) : null);
    if (key !== null) out[key] = settingOf(key, text, name);
  }
  return out;
}

/** HOLDFAST_DATA_DIR → dataDir. An unknown one is refused, so that a misspelt setting does not pass in silence. */
function keyOf(name: string): ConfigKey {
  const camel = name
    .slice('HOLDFAST_'.length)
    .toLowerCase()
    .replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
  if (!(camel in ConfigSchema.properties))
    throw refused(`The environment has ${name}, which is not a setting of Holdfast.`);
  return camel as ConfigKey;
}

function settingOf(key: ConfigKey, text: string, name: string): unknown {
  const schema = ConfigSchema.properties[key] as { type?: string };
  if (key === 'apiKeys') return text.split(',').map((pair) => apiKey(pair.trim(), name));
  if (key === 'watch' && !/^\s*[[{]/.test(text)) return text.split(',').map((path) => ({ path: path.trim() }));
  if (key === 'watch' || key === 'webhooks' || key === 'creationHook' || key === 'speechCommand')
    return json(text, name);
  if (key === 'processes' && /^\d+$/.test(text)) return Number(text);
  if (schema.type === 'array') return text.split(',').map((word) => word.trim());
  if (schema.type === 'boolean' && /^(?:true|false|1|0)$/i.test(text)) return /^(?:true|1)$/i.test(text);
  if ((schema.type === 'integer' || schema.type === 'number') && text.trim() !== '' && Number.isFinite(Number(text)))
    return Number(text);
  return text;
}

/** Without repeating the text, which has secrets in it. */
function json(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused(`${name} is not well-formed JSON.`);
  }
}

function apiKey(pair: string, name: string): { principal: string; sha256: string } {
  const at = pair.indexOf(':');
  const secret = pair.slice(at + 1);
  if (at < 1 || secret.length < 16)
    throw refused(`${name} takes name:key pairs separated by commas; a key has at least 16 characters.`);
  return { principal: pair.slice(0, at), sha256: createHash('sha256').update(secret).digest('hex') };
}

function unknownKeys(given: Record<string, unknown>): string[] {
  return Object.keys(given).filter((key) => !(key in ConfigSchema.properties));
}

function refused(message: string): HoldfastError {
  return new HoldfastError('invalid-request', message);
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
