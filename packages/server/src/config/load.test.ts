/** C12, D6: settings from file, environment and flags; what is wrong is refused with its name. */
import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { HoldfastError } from '../core/errors.ts';
import { limitsOf, loadConfig, type Sources } from './load.ts';

const MiB = 1024 * 1024;

function load(sources: Partial<Sources>) {
  return loadConfig({ env: {}, flags: {}, ...sources });
}

function refusal(sources: Partial<Sources>): HoldfastError {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('It was taken.');
}

function file(text: string): NonNullable<Sources['file']> {
  return { name: 'holdfast.yaml', text };
}

test('nothing given: safe defaults', () => {
  const config = load({});
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 8080,
    durability: 'synced',
    apiKeys: [],
    corsOrigins: [],
    trustedProxies: [],
    sessionTimeoutHours: 24,
  });
  expect(limitsOf(config)).toMatchObject({ uploadTtlMs: 24 * 3_600_000, chunkBytesMax: 64 * MiB, bodyIdleMs: 30_000 });
});

test('flags win over the environment, which wins over the file, which wins over the defaults', () => {
  const sources = {
    file: file('port: 1\nhost: ::1\nlogLevel: warn'),
    env: { HOLDFAST_PORT: '2', HOLDFAST_LOG_LEVEL: 'debug' },
    flags: { port: 3 },
  };
  expect(load(sources)).toMatchObject({ port: 3, host: '::1', logLevel: 'debug', dataDir: './data' });
  expect(load({ ...sources, flags: { port: undefined } })).toMatchObject({ port: 2 });
});

test('the result cannot be changed, not even deep inside', () => {
  const config = load({ env: { HOLDFAST_API_KEYS: 'ana:0123456789abcdef' } });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.apiKeys)).toBe(true);
  expect(Object.isFrozen(config.apiKeys[0])).toBe(true);
});

test('JSON and YAML files, comments, an empty file', () => {
  expect(load({ file: file('{"port": 99}') }).port).toBe(99);
  expect(load({ file: file('# nothing\n') }).port).toBe(8080);
  expect(load({ file: file('corsOrigins: [https://a.example]') }).corsOrigins).toEqual(['https://a.example']);
});

test('a file that is no YAML is refused with the place, without repeating what may be a secret', () => {
  const text = 'webhooks:\n  - url: https://a.example\n    secret: whsec_hidden-word: x\n';
  const refusal = () => load({ file: file(text) });
  expect(refusal).toThrow(/cannot be read: Nested mappings are not allowed .* at line 3, column 13\.$/);
  expect(refusal).not.toThrow(/hidden-word/);
});

test('words of the environment become what they mean; empty ones count as not given', () => {
  const env = {
    HOLDFAST_PIPELINE: 'FALSE',
    HOLDFAST_CORS_ORIGINS: 'https://a.example, http://b.example:8080',
    HOLDFAST_SESSION_TIMEOUT_HOURS: '0.5',
    HOLDFAST_DATA_DIR: '/srv/12',
    HOLDFAST_HOST: '',
    PATH: '/bin',
  };
  expect(load({ env })).toMatchObject({
    pipeline: false,
    corsOrigins: ['https://a.example', 'http://b.example:8080'],
    sessionTimeoutHours: 0.5,
    dataDir: '/srv/12',
    host: '127.0.0.1',
  });
});

test('C12: the names that the source systems use', () => {
  const config = load({
    env: { MAX_CHUNK_SIZE_MB: '10', CHUNK_SESSION_TIMEOUT_HOURS: '48', CLEANUP_INTERVAL_MINUTES: '60' },
  });
  expect(config).toMatchObject({ maxChunkSizeMb: 10, sessionTimeoutHours: 48, cleanupIntervalMinutes: 60 });
  expect(limitsOf(config)).toMatchObject({
    chunkBytesMax: 10 * MiB,
    chunkBytesDefault: 8 * MiB,
    uploadTtlMs: 48 * 3_600_000,
  });
});

test('C12: every name of the recordings service, with the values that it has there', () => {
  const env = {
    MAX_CHUNK_SIZE_MB: '10',
    CHUNK_SESSION_TIMEOUT_HOURS: '24',
    ENABLE_CHUNK_VALIDATION: 'false',
    CLEANUP_INTERVAL_MINUTES: '60',
    ENABLE_AUDIO_COMPRESSION: 'False',
    DEFAULT_COMPRESSION_PRESET: 'MOBILE_OPTIMIZED',
    PRESERVE_ORIGINAL_AUDIO: '1',
  };
  expect(load({ env })).toMatchObject({
    maxChunkSizeMb: 10,
    sessionTimeoutHours: 24,
    chunkValidation: false,
    cleanupIntervalMinutes: 60,
    audioCompression: false,
    compressionPreset: 'MOBILE_OPTIMIZED',
    preserveOriginalAudio: true,
  });
  expect(load({})).toMatchObject({
    chunkValidation: true,
    audioCompression: true,
    compressionPreset: 'MEDICAL_BALANCED',
    preserveOriginalAudio: false,
  });
});

test('C9: fractions of hours, minutes and days become whole milliseconds', () => {
  const limits = limitsOf(
    load({ env: { HOLDFAST_SESSION_TIMEOUT_HOURS: '0.0003', HOLDFAST_RETENTION_DAYS: '0.00001' } }),
  );
  expect(limits.uploadTtlMs).toBe(1_080);
  expect(Number.isInteger(limits.endedRetentionMs)).toBe(true);
});

test('the smallest and largest settings give limits that hold together', () => {
  for (const maxChunkSizeMb of [1, 7, 1024])
    for (const maxFileSizeGb of [0.000001, 1, 6000]) {
      const limits = limitsOf(load({ flags: { maxChunkSizeMb, maxFileSizeGb } }));
      expect(limits.fileBytesMax).toBeLessThanOrEqual(limits.chunkBytesMax * limits.chunksMax);
      expect(limits.fileBytesMax).toBeGreaterThan(0);
    }
});

describe('API keys', () => {
  test('only the digest of a key is kept', () => {
    const config = load({ env: { HOLDFAST_API_KEYS: 'ana:0123456789abcdef,ben:a:key:with:colons' } });
    const digest = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(config.apiKeys).toEqual([
      { principal: 'ana', sha256: digest('0123456789abcdef') },
      { principal: 'ben', sha256: digest('a:key:with:colons') },
    ]);
    expect(JSON.stringify(config)).not.toContain('0123456789abcdef');
  });

  it.each([
    'short:key',
    'nokey-but-long-enough-text',
    ':0123456789abcdef',
    'ana:',
    'a b:0123456789abcdef',
    'ana:0123456789abcdef,',
  ])('%j is refused without repeating the key', (text) => {
    const { message } = refusal({ env: { HOLDFAST_API_KEYS: text } });
    expect(message).toMatch(/apiKeys|HOLDFAST_API_KEYS/);
    expect(message).not.toContain('0123456789abcdef');
  });
});

describe('refused, with the name of the setting', () => {
  const wrong: readonly [string, Partial<Sources>, RegExp][] = [
    ['an unknown key in the file', { file: file('prot: 80') }, /prot/],
    ['an unknown variable', { env: { HOLDFAST_PROT: '80' } }, /HOLDFAST_PROT/],
    ['a list instead of settings', { file: file('- port') }, /holdfast\.yaml/],
    ['a word instead of settings', { file: file('port') }, /holdfast\.yaml/],
    ['a broken file', { file: file('{"port": ') }, /holdfast\.yaml/],
    ['a key twice', { file: file('port: 1\nport: 2') }, /holdfast\.yaml/],
    ['a port that is a word', { env: { HOLDFAST_PORT: 'http' } }, /port/],
    ['a port in quotes in the file', { file: file('port: "80"') }, /port/],
    ['a fractional port', { env: { HOLDFAST_PORT: '80.5' } }, /port/],
    ['a negative port', { env: { HOLDFAST_PORT: '-1' } }, /port/],
    ['a port too high', { flags: { port: 65_536 } }, /port/],
    ['an infinite number', { env: { HOLDFAST_SESSION_TIMEOUT_HOURS: 'Infinity' } }, /sessionTimeoutHours/],
    ['no time at all', { env: { HOLDFAST_SESSION_TIMEOUT_HOURS: '0' } }, /sessionTimeoutHours/],
    ['a negative interval', { env: { HOLDFAST_CLEANUP_INTERVAL_MINUTES: '-5' } }, /cleanupIntervalMinutes/],
    ['an unknown durability', { flags: { durability: 'maybe' } }, /durability/],
    ['an unknown log level', { env: { HOLDFAST_LOG_LEVEL: 'loud' } }, /logLevel/],
    ['a boolean that is none', { env: { HOLDFAST_PIPELINE: 'perhaps' } }, /pipeline/],
    ['an origin with a path', { env: { HOLDFAST_CORS_ORIGINS: 'https://a.example/x' } }, /corsOrigins/],
    ['any origin', { env: { HOLDFAST_CORS_ORIGINS: '*' } }, /corsOrigins/],
    ['validation that is neither on nor off', { env: { ENABLE_CHUNK_VALIDATION: 'sometimes' } }, /chunkValidation/],
    ['compression that is neither', { env: { ENABLE_AUDIO_COMPRESSION: '2' } }, /audioCompression/],
    ['originals that are neither', { env: { PRESERVE_ORIGINAL_AUDIO: 'yes' } }, /preserveOriginalAudio/],
    ['an unknown preset', { env: { DEFAULT_COMPRESSION_PRESET: 'medical' } }, /compressionPreset.*MEDICAL_BALANCED/],
    ['a time-out that is a word', { env: { CHUNK_SESSION_TIMEOUT_HOURS: 'a day' } }, /sessionTimeoutHours/],
    ['an interval that is a word', { env: { CLEANUP_INTERVAL_MINUTES: 'hourly' } }, /cleanupIntervalMinutes/],
    ['half a MiB', { env: { MAX_CHUNK_SIZE_MB: '0.5' } }, /maxChunkSizeMb/],
    ['a chunk of 0 MiB', { env: { MAX_CHUNK_SIZE_MB: '0' } }, /maxChunkSizeMb/],
    ['an empty folder', { flags: { dataDir: '' } }, /dataDir/],
    ['a setting that is null', { file: file('port: null') }, /port/],
  ];
  it.each(wrong)('%s', (_name, sources, pattern) => {
    const error = refusal(sources);
    expect(error.code).toBe('invalid-request');
    expect(error.message).toMatch(pattern);
  });
});
