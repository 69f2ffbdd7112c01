import { describe, expect, test } from 'vitest';
import { errorFromResponse } from './problem-error.ts';
import { isVanished, remedyFor } from './remedy.ts';
import { UploadError } from './upload-error.ts';

const asked = { endpoint: 'http://files.example.org/base', path: '/v1/uploads?x=1' };
const problem = (status: number, code: string, retryable: boolean, headers: Record<string, string> = {}) =>
  errorFromResponse(
    { status, headers, text: JSON.stringify({ status, code, retryable, title: 't', detail: 'd' }) },
    0,
    asked,
  );
const foreign = (status: number) => errorFromResponse({ status, headers: {}, text: '<html>' }, 0, asked);

describe('answers become typed errors', () => {
  test.each([
    [problem(400, 'invalid-size', false), 'validation', 'fail'],
    [problem(413, 'file-too-large', false), 'validation', 'fail'],
    [problem(409, 'chunk-conflict', false), 'validation', 'fail'],
    [problem(422, 'digest-mismatch', true), 'validation', 'again'],
    [problem(400, 'body-too-short', true), 'server', 'again'],
    [problem(408, 'body-timeout', true), 'timeout', 'again'],
    [problem(409, 'chunk-busy', true), 'server', 'again'],
    [problem(409, 'lease-lost', true), 'server', 'again'],
    [problem(409, 'upload-paused', true), 'server', 'ask'],
    [problem(409, 'upload-finishing', true), 'server', 'ask'],
    [problem(409, 'missing-chunks', true), 'server', 'ask'],
    [problem(410, 'upload-closed', false), 'server', 'ask'],
    [problem(404, 'upload-not-found', false), 'server', 'fail'],
    [problem(401, 'unauthenticated', false), 'server', 'fail'],
    [problem(429, 'rate-limited', true), 'server', 'wait'],
    [problem(429, 'too-many-uploads', true), 'server', 'again'],
    [problem(503, 'unavailable', true), 'server', 'wait'],
    [problem(503, 'shutting-down', true), 'server', 'wait'],
    [problem(507, 'insufficient-storage', true), 'server', 'again'],
    [problem(500, 'internal', true), 'server', 'again'],
    [problem(500, 'storage-damaged', false), 'server', 'fail'],
    [foreign(413), 'validation', 'fail'],
    [foreign(404), 'server', 'fail'],
    [foreign(502), 'server', 'wait'],
    [foreign(504), 'server', 'wait'],
    [foreign(500), 'server', 'again'],
    [foreign(302), 'server', 'fail'],
  ])('%s → %s, %s', (error, type, remedy) => {
    expect(error).toMatchObject({ type });
    expect(remedyFor(error).kind).toBe(remedy);
    expect(error.message).not.toBe('');
  });
});

test('the server’s words, its wait and its code are kept', () => {
  expect(problem(503, 'unavailable', true, { 'retry-after': '3' })).toMatchObject({
    message: 'd',
    code: 'unavailable',
    status: 503,
    retryable: true,
    retryAfterMs: 3_000,
  });
});

test('a redirect names the address to use instead', () => {
  const leads = (status: number, location: string) =>
    errorFromResponse({ status, headers: { location }, text: '<html>' }, 0, asked).message;
  for (const status of [301, 302, 303, 307, 308])
    expect(leads(status, 'https://files.example.org/base/v1/uploads?x=1')).toBe(
      'This address leads to https://files.example.org/base. Uploads do not follow: use that address.',
    );
  expect(leads(302, '/login?next=%2F')).toContain('leads to http://files.example.org/login?next=%2F.');
  expect([leads(301, 'http://[nothing'), foreign(302).message]).toEqual([
    'The server answered with status 301.',
    'The server answered with status 302.',
  ]);
});

test('only the server’s own word makes an upload gone', () => {
  expect(isVanished(problem(404, 'upload-not-found', false))).toBe(true);
  expect(isVanished(foreign(410))).toBe(true);
  expect(isVanished(foreign(404))).toBe(false);
  expect(isVanished(problem(410, 'upload-closed', false))).toBe(false);
  expect(isVanished(new Error())).toBe(false);
});

test('what never got an answer is waited out', () => {
  for (const code of ['unreachable', 'stalled', 'request-timeout', 'bad-answer']) {
    expect(remedyFor(new UploadError('', { type: 'network', code, retryable: true })).kind).toBe('wait');
  }
  for (const code of ['source-changed', 'source-unreadable', 'resume-mismatch']) {
    expect(remedyFor(new UploadError('', { type: 'validation', code, retryable: false })).kind).toBe('fail');
  }
});
