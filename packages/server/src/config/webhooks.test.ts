/** Settings of webhooks: what they become, and what is refused, with the name of the setting and without the secret. */
import { describe, expect, it, test } from 'vitest';
import { HoldfastError } from '../core/errors.ts';
import { loadConfig } from './load.ts';
import { creationHookOf, webhooksOf } from './webhooks.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
const url = 'https://app.example/hooks';

function webhooks(given: unknown, more: Record<string, unknown> = {}) {
  return webhooksOf(loadConfig({ env: {}, flags: { webhooks: given, ...more } }));
}

test('nothing given: no endpoints, no hook, three days', () => {
  const config = loadConfig({ env: {}, flags: {} });
  expect(webhooksOf(config)).toEqual({
    endpoints: [],
    policy: { firstRetryMs: 5_000, windowMs: 72 * 3_600_000 },
    concurrency: 4,
  });
  expect(creationHookOf(config)).toBeNull();
});

test('from the environment as JSON, and from the file', () => {
  const given = [{ url: `${url}?token=t#x`, secret: [secret, other], events: ['run.*'], timeoutSeconds: 2.5 }];
  const fromEnv = webhooksOf(loadConfig({ env: { HOLDFAST_WEBHOOKS: JSON.stringify(given) }, flags: {} }));
  const text = `webhooks:\n  - url: ${url}?token=t#x\n    secret: [${secret}, ${other}]\n    events: [run.*]\n    timeoutSeconds: 2.5\n`;
  expect(webhooksOf(loadConfig({ env: {}, flags: {}, file: { name: 'holdfast.yaml', text } }))).toEqual(fromEnv);
  const [endpoint] = fromEnv.endpoints;
  expect(endpoint).toMatchObject({
    url: `${url}?token=t`,
    shownUrl: url,
    host: 'app.example',
    events: ['run.*'],
    timeoutMs: 2_500,
  });
  expect(endpoint?.keys.map((key) => key.length)).toEqual([32, 24]);
});

test('an endpoint is the same as long as its URL is, whatever else changes', () => {
  const id = (given: object) => webhooks([given]).endpoints[0]?.id;
  const before = id({ url, secret });
  expect(id({ url, secret: other, events: ['*'], timeoutSeconds: 3 })).toBe(before);
  expect(id({ url: `${url}?x`, secret })).not.toBe(before);
});

test('the creation hook refuses when it cannot be reached, unless it is told otherwise', () => {
  const hook = (given: object) => creationHookOf(loadConfig({ env: {}, flags: { creationHook: given } }));
  expect(hook({ url, secret })).toMatchObject({ url, timeoutMs: 5_000, whenUnreachable: 'refuse' });
  const env = { HOLDFAST_CREATION_HOOK: JSON.stringify({ url, secret, timeoutSeconds: 1, whenUnreachable: 'allow' }) };
  expect(creationHookOf(loadConfig({ env, flags: {} }))).toMatchObject({ timeoutMs: 1_000, whenUnreachable: 'allow' });
});

describe('refused, with the name of the setting and without the secret', () => {
  const short = `whsec_${Buffer.alloc(23, 5).toString('base64')}`;
  const wrong: readonly [string, () => unknown, RegExp][] = [
    [
      'JSON that is none',
      () => loadConfig({ env: { HOLDFAST_WEBHOOKS: `[${secret}` }, flags: {} }),
      /HOLDFAST_WEBHOOKS/,
    ],
    ['one object instead of a list', () => webhooks({ url, secret }), /"webhooks" must be array/],
    ['an endpoint without a secret', () => webhooks([{ url }]), /"webhooks\.0".*secret/],
    ['a misspelt field', () => webhooks([{ url, secret, event: ['*'] }]), /"webhooks\.0\.event" is not a setting/],
    ['an empty list of secrets', () => webhooks([{ url, secret: [] }]), /"webhooks\.0\.secret"/],
    [
      'a secret that is too short',
      () =>
        webhooks([
          { url, secret },
          { url: `${url}2`, secret: short },
        ]),
      /"webhooks\.1\.secret" .*openssl/,
    ],
    [
      'a secret that is too long',
      () => webhooks([{ url, secret: `whsec_${Buffer.alloc(65).toString('base64')}` }]),
      /"webhooks\.0\.secret"/,
    ],
    [
      'a secret without its prefix',
      () => webhooks([{ url, secret: secret.slice(6) }]),
      /"webhooks\.0\.secret" .*whsec_/,
    ],
    ['a file', () => webhooks([{ url: 'file:///etc/passwd', secret }]), /"webhooks\.0\.url" .*http/],
    ['words', () => webhooks([{ url: 'app.example/hooks', secret }]), /"webhooks\.0\.url" .*http/],
    [
      'a password in the URL',
      () => webhooks([{ url: 'https://a:hidden-word@app.example/', secret }]),
      /"webhooks\.0\.url" .*password/,
    ],
    [
      'an event that there is not',
      () => webhooks([{ url, secret, events: ['upload.complete'] }]),
      /"webhooks\.0\.events" has "upload\.complete".*upload\.completed/,
    ],
    [
      'the same URL twice',
      () =>
        webhooks([
          { url, secret },
          { url: `${url}#b`, secret },
        ]),
      /"webhooks\.1\.url".*second time/,
    ],
    ['no time at all', () => webhooks([{ url, secret, timeoutSeconds: 0 }]), /"webhooks\.0\.timeoutSeconds"/],
    ['a negative window', () => webhooks([], { webhookRetryHours: -1 }), /"webhookRetryHours"/],
    [
      'a hook that shrugs',
      () => loadConfig({ env: {}, flags: { creationHook: { url, secret, whenUnreachable: 'shrug' } } }),
      /"creationHook\.whenUnreachable"/,
    ],
    [
      'a hook without an address',
      () => creationHookOf(loadConfig({ env: {}, flags: { creationHook: { url: 'x', secret } } })),
      /"creationHook\.url"/,
    ],
  ];
  it.each(wrong)('%s', (_name, load, pattern) => {
    let error: unknown = null;
    try {
      load();
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof HoldfastError)) throw new Error(`Not refused: ${error}`);
    expect(error.code).toBe('invalid-request');
    expect(error.message).toMatch(pattern);
    for (const hidden of [secret, secret.slice(6), short, 'hidden-word']) expect(error.message).not.toContain(hidden);
  });
});
