/** Webhook settings, checked: addresses, secrets and event patterns → what the code works with. */
import { createHash } from 'node:crypto';
import { HoldfastError } from '../core/errors.ts';
import { defaultPatterns, isPattern, type RetryPolicy, type WebhookEndpoint, webhookTypes } from '../core/webhook.ts';
import type { Config } from './schema.ts';

export interface WebhookConfig {
  readonly endpoints: readonly WebhookEndpoint[];
  readonly policy: RetryPolicy;
  readonly concurrency: number;
}

export interface CreationHookConfig {
  readonly url: string;
  readonly host: string;
  readonly keys: readonly Uint8Array[];
  readonly timeoutMs: number;
  readonly whenUnreachable: 'refuse' | 'allow';
}

/** Standard Webhooks 1.0: 192 to 512 bits. */
const keyBytesMin = 24;
const keyBytesMax = 64;

/** Throws `invalid-request` that names the setting and what it takes, and repeats no secret. */
export function webhooksOf(config: Config): WebhookConfig {
  const endpoints = config.webhooks.map((given, i): WebhookEndpoint => {
    const setting = `webhooks.${i}`;
    const { href, host, shown } = address(given.url, setting);
    return {
      id: createHash('sha256').update(href).digest('hex').slice(0, 16),
      url: href,
      shownUrl: shown,
      host,
      keys: keysOf(given.secret, setting),
      events: patterns(given.events, setting),
      timeoutMs: Math.ceil((given.timeoutSeconds ?? config.webhookTimeoutSeconds) * 1000),
    };
  });
  endpoints.forEach((endpoint, i) => {
    if (endpoints.findIndex((other) => other.id === endpoint.id) !== i)
      throw refused(
        `webhooks.${i}.url`,
        `names ${endpoint.shownUrl} a second time. Put all its events into one entry.`,
      );
  });
  return {
    endpoints,
    policy: {
      firstRetryMs: Math.ceil(config.webhookFirstRetrySeconds * 1000),
      windowMs: Math.ceil(config.webhookRetryHours * 3_600_000),
    },
    concurrency: config.webhookConcurrency,
  };
}

/** Null when there is none. Throws `invalid-request`. */
export function creationHookOf(config: Config): CreationHookConfig | null {
  const given = config.creationHook;
  if (!given) return null;
  const { href, host } = address(given.url, 'creationHook');
  return {
    url: href,
    host,
    keys: keysOf(given.secret, 'creationHook'),
    timeoutMs: Math.ceil((given.timeoutSeconds ?? 5) * 1000),
    whenUnreachable: given.whenUnreachable ?? 'refuse',
  };
}

function address(text: string, setting: string): { href: string; host: string; shown: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw refused(`${setting}.url`, 'has to be an http or https URL, such as https://app.example/hooks/holdfast.');
  if (url.username !== '' || url.password !== '')
    throw refused(
      `${setting}.url`,
      'must not have a user name or password in it. Requests are signed with the secret.',
    );
  url.hash = '';
  return { href: url.href, host: url.host, shown: url.origin + url.pathname };
}

function keysOf(secret: string | readonly string[], setting: string): Uint8Array[] {
  const secrets = typeof secret === 'string' ? [secret] : secret;
  return secrets.map((one) => {
    const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(one);
    const key = Buffer.from(match?.[1] ?? '', 'base64');
    if (key.length >= keyBytesMin && key.length <= keyBytesMax) return key;
    throw refused(
      `${setting}.secret`,
      `has to be "whsec_" and ${keyBytesMin} to ${keyBytesMax} random bytes in base64: echo "whsec_$(openssl rand -base64 32)"`,
    );
  });
}

function patterns(given: readonly string[] | undefined, setting: string): readonly string[] {
  const wrong = given?.find((pattern) => !isPattern(pattern));
  if (wrong === undefined) return given ?? defaultPatterns;
  throw refused(
    `${setting}.events`,
    `has ${JSON.stringify(wrong)}, which no event matches. There are *, upload.*, run.*, step.* and ${webhookTypes.join(', ')}.`,
  );
}

function refused(setting: string, what: string): HoldfastError {
  return new HoldfastError('invalid-request', `Setting "${setting}" ${what}`);
}
