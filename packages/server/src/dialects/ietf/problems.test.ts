/** The errors of docs/ietf.md are exactly the ones that exist. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type ErrorCode, errorCatalog, HoldfastError } from '../../core/errors.ts';
import { problemCodeOf, refusalOf, refusals } from './problems.ts';

test('docs/ietf.md lists every code with its status and its problem type', async () => {
  const text = await readFile(new URL('../../../../../docs/ietf.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z-]+)`(?: \([^|]+\))? \| (\d{3}) \| (?:`([a-z-]+)`)? ?\|$/gm)];
  const documented = Object.fromEntries(rows.map(([, code, status, type]) => [code, { status: Number(status), type }]));
  const existing = Object.entries(refusals).map(([code, { status, type }]) => [code, { status, type }]);
  expect(documented).toEqual(Object.fromEntries(existing));
});

test('an upload that is completed takes nothing more in words of its own', () => {
  const closed = (state: string) => new HoldfastError('upload-closed', 'Detail.', { details: { state } });
  expect(problemCodeOf(closed('completed'))).toBe('completed-upload');
  expect(problemCodeOf(closed('cancelled'))).toBe('upload-closed');
  expect(refusalOf(closed('completed'), 'r')).toMatchObject({
    status: 409,
    body: { code: 'upload-closed', type: 'https://iana.org/assignments/http-problem-types#completed-upload' },
  });
});

test('only what can be retried says when, and nothing tells of the cause', () => {
  for (const code of Object.keys(errorCatalog) as ErrorCode[]) {
    const refusal = refusalOf(new HoldfastError(code, 'Detail.', { cause: new Error('secret') }), 'request-1');
    if (refusal.retryAfterSeconds !== undefined) expect(errorCatalog[code].retryable, code).toBe(true);
    expect(refusal.body).toMatchObject({ code, detail: 'Detail.', status: refusal.status, requestId: 'request-1' });
    expect(JSON.stringify(refusal)).not.toContain('secret');
  }
});
