/** A client of the chunked-form dialect, and requests that no client would send. */
import { expect } from 'vitest';
import type { Answer, RunningNode } from './running-node.ts';

export const formChunkBytes = 5 * 1024 * 1024;

export type BodyKind = 'urlencoded' | 'multipart' | 'json';
export const bodyKinds: readonly BodyKind[] = ['urlencoded', 'multipart', 'json'];

// biome-ignore lint/suspicious/noExplicitAny: what is read of answers is asserted
export type Body = Record<string, any>;

export class FormClient {
  readonly #node: RunningNode;

  constructor(node: RunningNode) {
    this.#node = node;
  }

  /** A command with its fields as that kind of body. */
  async post(
    command: string,
    fields: Record<string, string | number>,
    kind: BodyKind = 'urlencoded',
  ): Promise<Answer<Body>> {
    const words = Object.entries(fields).map(([name, value]) => [name, String(value)] as [string, string]);
    if (kind === 'json')
      return await this.send(command, {
        body: JSON.stringify(fields),
        headers: { 'content-type': 'application/json' },
      });
    if (kind === 'urlencoded') return await this.send(command, { body: new URLSearchParams(words) });
    const form = new FormData();
    for (const [name, value] of words) form.append(name, value);
    return await this.send(command, { body: form });
  }

  async send(command: string, init: RequestInit): Promise<Answer<Body>> {
    return await this.#answer(await this.#node.fetch(`/api/chunked-upload/${command}`, { method: 'POST', ...init }));
  }

  async get(path: string): Promise<Answer<Body>> {
    return await this.#answer(await this.#node.fetch(`/api/chunked-upload/${path}`));
  }

  async begin(size: number, filename = 'talk.mp4'): Promise<string> {
    const fields = { filename, file_size: size, total_chunks: Math.ceil(size / formChunkBytes) };
    const answer = await this.post('init', fields);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body['upload_id'];
  }

  async chunk(id: string, index: number | string, bytes: Uint8Array): Promise<Answer<Body>> {
    const form = new FormData();
    form.append('upload_id', id);
    form.append('chunk_index', String(index));
    form.append('chunk', new Blob([new Uint8Array(bytes)]), 'blob');
    return await this.send('chunk', { body: form });
  }

  async status(id: string): Promise<Body> {
    return (await this.get(`status?upload_id=${id}`)).body;
  }

  async complete(id: string): Promise<Answer<Body>> {
    return await this.post('complete', { upload_id: id });
  }

  async #answer(response: Response): Promise<Answer<Body>> {
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Body };
  }
}

export function chunkOf(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * formChunkBytes, (index + 1) * formChunkBytes);
}

/** Parts as bytes, for bodies with an order or a shape of our own. */
export function multipart(
  boundary: string,
  parts: readonly (readonly [header: string, value: string | Uint8Array])[],
): Buffer {
  const pieces = parts.flatMap(([header, value]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${header}\r\n\r\n`),
    Buffer.from(value as Uint8Array),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

/** B4: every refusal is FastAPI's `{"detail": …}` in words, with our stable code beside it. */
export function expectDetail(answer: Answer<Body>, status: number, detail: string | RegExp, code?: string): Body {
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status });
  if (typeof detail === 'string') expect(answer.body['detail']).toBe(detail);
  else expect(answer.body['detail']).toMatch(detail);
  if (code !== undefined) expect(answer.body['code']).toBe(code);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.body['request_id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(typeof answer.body['retryable']).toBe('boolean');
  return answer.body;
}
