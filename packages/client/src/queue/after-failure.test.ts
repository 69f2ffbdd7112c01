import { expect, test } from 'vitest';
import { UploadError, type UploadErrorOptions } from '../upload-error.ts';
import { afterFailure } from './after-failure.ts';

const file = { name: 'a', size: 1, lastModified: 1, head: null, tail: null };
const row = { file, retries: 0, maxRetries: 3 };
const failed = (code: string, more: Partial<UploadErrorOptions> = {}) =>
  new UploadError('It failed.', { type: 'server', code, retryable: true, ...more });

test('C14: what can be tried again is, as often as allowed', () => {
  expect(afterFailure(failed('internal'), row)).toEqual({ kind: 'again', anew: false });
  expect(afterFailure(failed('internal'), { ...row, retries: 3 })).toEqual({ kind: 'fail', anew: false });
  expect(afterFailure(failed('internal'), { ...row, maxRetries: 0 })).toEqual({ kind: 'fail', anew: false });
  expect(afterFailure(failed('file-too-large', { retryable: false }), row)).toEqual({ kind: 'fail', anew: false });
});

test('C14: an upload that the server does not have any more begins anew', () => {
  for (const code of ['upload-not-found', 'upload-closed', 'http-410']) {
    expect(afterFailure(failed(code), row)).toEqual({ kind: 'again', anew: true });
  }
  expect(afterFailure(failed('digest-mismatch'), row)).toEqual({ kind: 'again', anew: true });
  expect(afterFailure(failed('digest-mismatch', { chunk: 2 }), row)).toEqual({ kind: 'again', anew: false });
});

test('C14: what somebody cancelled on the server stays cancelled', () => {
  expect(afterFailure(failed('upload-closed', { details: { state: 'cancelled' } }), row)).toEqual({
    kind: 'cancelled',
  });
  expect(afterFailure(failed('upload-closed', { details: { state: 'expired' } }), row).kind).toBe('again');
});

test('C14: a changed file is asked for again; what nobody can select again fails', () => {
  for (const code of ['source-unreadable', 'source-changed', 'resume-mismatch']) {
    expect(afterFailure(failed(code, { retryable: false }), row)).toEqual({ kind: 'reselect' });
    expect(afterFailure(failed(code), { ...row, file: null })).toEqual({ kind: 'fail', anew: false });
  }
});
