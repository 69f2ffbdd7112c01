/** The documented errors are exactly the ones that exist. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type ErrorCode, errorCatalog, HoldfastError } from '../../core/errors.ts';
import { problemOf, retryAfterSeconds, statusOf } from './problems.ts';

const codes = Object.keys(errorCatalog) as ErrorCode[];

test('docs/errors.md lists every code, in order, with its status, whether it can be retried, and what it means', async () => {
  const text = await readFile(new URL('../../../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)];
  const documented = rows.map(([, code, status, retryable, summary]) => ({
    code,
    status: Number(status),
    retryable: retryable === 'yes',
    summary,
  }));
  expect(documented).toEqual(codes.map((code) => ({ code, status: statusOf[code], ...errorCatalog[code] })));
});

test('a problem tells all that the client needs and nothing of the cause', () => {
  for (const code of codes) {
    const problem = problemOf(new HoldfastError(code, 'Detail.', { cause: new Error('secret') }), 'request-1');
    expect(problem).toEqual({
      type: `urn:holdfast:error:${code}`,
      title: errorCatalog[code].summary,
      status: statusOf[code],
      detail: 'Detail.',
      code,
      retryable: errorCatalog[code].retryable,
      requestId: 'request-1',
    });
  }
});

test('only what can be retried says when', () => {
  for (const code of Object.keys(retryAfterSeconds) as ErrorCode[])
    expect(errorCatalog[code].retryable, code).toBe(true);
});
