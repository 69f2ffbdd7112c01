/** What tests of the engine share. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { UploadError, type UploadHandle, type UploadSnapshot } from '../src/index.ts';

export const fileOf = (bytes: Uint8Array<ArrayBuffer>, name = 'film.mp4') =>
  new File([bytes], name, { type: 'video/mp4' });
export const someBytes = (length: number) => new Uint8Array(randomBytes(length));

export async function until(
  handle: UploadHandle,
  condition: (snapshot: UploadSnapshot) => boolean,
): Promise<UploadSnapshot> {
  if (condition(handle.snapshot)) return handle.snapshot;
  return new Promise((resolve) => {
    const unsubscribe = handle.subscribe(() => {
      if (!condition(handle.snapshot)) return;
      unsubscribe();
      resolve(handle.snapshot);
    });
  });
}

export async function failureOf(handle: UploadHandle): Promise<UploadError> {
  const error = await handle.done.then(
    () => new Error('It completed.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UploadError);
  return error as UploadError;
}
