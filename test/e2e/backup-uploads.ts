/** Uploads for backup drills: whole ones, half ones, and some that begin and complete all the time. */
import type { Problem, Upload } from '@holdfast/protocol';
import { expect } from 'vitest';
import { type Api, seededBytes, seededRandom, sha256, shuffled } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const chunks = 12;
const random = seededRandom(11);

export interface Sending {
  readonly bytes: Buffer;
  readonly upload: Upload;
}

export async function begin(api: Api, name: string): Promise<Sending> {
  const bytes = seededBytes(random, chunks * chunkBytes);
  const wish = { filename: name, size: bytes.length, chunkSize: chunkBytes };
  return { bytes, upload: (await api.json<Upload>('POST', '/v1/uploads', wish)).body };
}

export async function send(api: Api, { bytes, upload }: Sending, index: number): Promise<void> {
  const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
  expect((await api.put(`/v1/uploads/${upload.id}/chunks/${index}`, chunk)).status).toBe(200);
}

export async function complete(api: Api, { bytes, upload }: Sending): Promise<void> {
  const { body } = await api.json<Upload & Problem>('POST', `/v1/uploads/${upload.id}/complete?wait=30`);
  expect(body).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
}

export async function whole(api: Api, name: string): Promise<Sending> {
  const sending = await begin(api, name);
  for (const index of shuffled(random, [...Array(chunks).keys()])) await send(api, sending, index);
  await complete(api, sending);
  return sending;
}

/** Chunks 0, 3 and 7 of 12. */
export async function half(api: Api, name: string): Promise<Sending> {
  const sending = await begin(api, name);
  for (const index of [7, 0, 3]) await send(api, sending, index);
  return sending;
}

/** Where `half` left it; then to its end. */
export async function finishHalf(api: Api, sending: Sending): Promise<void> {
  const { body: status } = await api.json<Upload>('GET', `/v1/uploads/${sending.upload.id}`);
  expect(status.missingChunks).toEqual([1, 2, 4, 5, 6, 8, 9, 10, 11]);
  for (const index of status.missingChunks) await send(api, sending, index);
  await complete(api, sending);
}

/** Uploads come to their end all the time while `work` runs. */
export async function whileBusy<T>(api: Api, work: () => Promise<T>): Promise<T> {
  let done = false;
  const lanes = [0, 1, 2].map(async (lane) => {
    for (let i = 0; !done; i += 1) await whole(api, `busy-${lane}-${i}.bin`);
  });
  try {
    return await work();
  } finally {
    done = true;
    await Promise.all(lanes);
  }
}
