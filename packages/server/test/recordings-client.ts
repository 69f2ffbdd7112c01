/** A client of the recordings dialect, written as the web page of the source service does it, and requests that it would not send. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Body } from './chunked-form-client.ts';
import type { Answer, RunningNode } from './running-node.ts';

export const recordingChunkBytes = 5 * 1024 * 1024;
export const lecture = { asignatura: 'Cardiología', tema: 'Arritmias', profesor_text: 'Dra. Núñez' } as const;

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export function chunkOf(bytes: Uint8Array, number: number): Uint8Array {
  return bytes.subarray((number - 1) * recordingChunkBytes, number * recordingChunkBytes);
}

export class RecordingsClient {
  readonly #node: Pick<RunningNode, 'fetch'>;

  constructor(node: Pick<RunningNode, 'fetch'>) {
    this.#node = node;
  }

  async create(fields: object): Promise<Answer<Body>> {
    return await this.post('', fields);
  }

  /** The id of a new recording. */
  async begin(size: number, fields: object = {}): Promise<string> {
    const wish = { ...lecture, filename: 'clase.webm', content_type: 'audio/webm', file_size_total: size, ...fields };
    const answer = await this.create(wish);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body['recording_id'];
  }

  /** Fields in order; a file part is its bytes. */
  async chunkForm(id: string, parts: readonly (readonly [string, string | Uint8Array])[]): Promise<Answer<Body>> {
    const form = new FormData();
    for (const [name, value] of parts) {
      if (typeof value === 'string') form.append(name, value);
      else form.append(name, new Blob([new Uint8Array(value)]), 'chunk_000001');
    }
    return await this.send(`/${id}/chunk`, { method: 'POST', body: form });
  }

  async chunk(
    id: string,
    number: number | string,
    bytes: Uint8Array,
    more: Readonly<Record<string, string | number>> = {},
  ): Promise<Answer<Body>> {
    const fields = { upload_session_id: id, chunk_number: number, ...more };
    const parts = Object.entries(fields).map(([name, value]) => [name, String(value)] as const);
    return await this.chunkForm(id, [...parts, ['file', bytes]]);
  }

  /** Sends every chunk of the file and completes it. */
  async upload(id: string, bytes: Uint8Array): Promise<Answer<Body>> {
    const total = Math.ceil(bytes.length / recordingChunkBytes);
    for (let number = 1; number <= total; number += 1)
      expect(await this.chunk(id, number, chunkOf(bytes, number), { total_chunks: total })).toMatchObject({
        status: 200,
      });
    return await this.complete(id);
  }

  async complete(id: string, fields: object = {}): Promise<Answer<Body>> {
    return await this.post(`/${id}/complete`, { upload_session_id: id, ...fields });
  }

  async status(id: string): Promise<Body> {
    const answer = await this.send(`/${id}/upload-status?upload_session_id=${id}`);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body;
  }

  async recovery(id: string): Promise<Body> {
    const answer = await this.send(`/${id}/recovery?upload_session_id=${id}`, { method: 'POST' });
    expect(answer).toMatchObject({ status: 200 });
    return answer.body;
  }

  async command(id: string, command: 'pause' | 'resume' | 'cancel'): Promise<Answer<Body>> {
    return await this.send(`/${id}/${command}`, { method: 'POST' });
  }

  async get(id: string): Promise<Answer<Body>> {
    return await this.send(`/${id}`);
  }

  async post(path: string, fields: object): Promise<Answer<Body>> {
    const headers = { 'content-type': 'application/json' };
    return await this.send(path, { method: 'POST', headers, body: JSON.stringify(fields) });
  }

  async send(path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const response = await this.#node.fetch(`/api/v1/recordings${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Body };
  }
}
