/** Uploads by three protocols to a cluster whose nodes come and go: every request may meet another node, or none that answers. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChunkReceipt, Problem, Upload } from '@holdfast/protocol';
import { md5, RecordingsClient } from '../../packages/server/test/recordings-client.ts';
import { NoAnswer, sha256, shuffled } from './upload-driver.ts';

export const chunkBytes = 64 * 1024;
/** A node that stands still takes the request and never answers. */
const answerMs = 4_000;
const pauseMs = 150;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A file that is sent, what was acknowledged of it, and what it became. */
export interface Sent {
  readonly name: string;
  readonly protocol: 'native' | 'tus' | 'recordings';
  readonly bytes: Buffer;
  uploadId: string;
}

export class ClusterClient {
  /** Answers that said "later", and requests without an answer. */
  readonly troubles = new Map<string, number>();
  readonly #url: () => string;
  readonly #random: () => number;
  readonly #deadline: number;

  constructor(url: () => string, random: () => number, deadline: number) {
    this.#url = url;
    this.#random = random;
    this.#deadline = deadline;
  }

  /** Sends the file until it is completed. Throws when something that was acknowledged is gone, or an answer says what it must not. */
  async send(file: Pick<Sent, 'name' | 'protocol' | 'bytes'>): Promise<Sent> {
    const sent: Sent = { ...file, uploadId: '' };
    if (file.protocol === 'native') await this.#native(sent);
    else if (file.protocol === 'tus') await this.#tus(sent);
    else await this.#recording(sent);
    return sent;
  }

  async json<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
    const content = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await this.again(method, path, { ...content, headers });
    return { status: answer.status, body: JSON.parse(answer.body.toString('utf8') || 'null') as T };
  }

  /** Repeats what may be repeated until it is answered by something else than "later". */
  async again(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    for (;;) {
      const answer = await this.once(method, path, ask).catch((error: unknown) => this.#later('no answer', error));
      if (answer === null) continue;
      if (answer.status !== 503 && answer.status !== 429 && answer.status !== 423) return answer;
      if (answer.status === 503 && answer.headers['retry-after'] === undefined)
        throw new Error(`503 without Retry-After: ${answer.body}`);
      await this.#later(codeOf(answer), new Error(`${method} ${path}: ${answer.body}`));
    }
  }

  once(method: string, path: string, { headers = {}, body }: Ask): Promise<Answer> {
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(new NoAnswer(`${method} ${path}`, { cause }));
      const options = {
        method,
        agent: false,
        headers: { ...length, ...headers },
        signal: AbortSignal.timeout(answerMs),
      };
      const request = httpRequest(this.#url() + path, options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', fail);
        response.on('end', () => {
          if (!response.complete) return fail(new Error('cut off'));
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
        });
      });
      request.on('error', fail);
      request.end(body);
    });
  }

  async #later(what: string, error: unknown): Promise<null> {
    this.troubles.set(what, (this.troubles.get(what) ?? 0) + 1);
    if (Date.now() > this.#deadline) throw error;
    await delay(pauseMs * (0.5 + this.#random()));
    return null;
  }

  /** Chunks in any order, several at a time, each to whatever node; some of them twice. */
  async #native(sent: Sent): Promise<void> {
    const wish = { filename: sent.name, size: sent.bytes.length, chunkSize: chunkBytes, sha256: sha256(sent.bytes) };
    sent.uploadId = await this.#createNative(sent.name, wish);
    const acknowledged = new Set<number>();
    for (;;) {
      const { body } = await this.json<Upload>('GET', `/v1/uploads/${sent.uploadId}`);
      const lost = body.missingChunks.filter((index) => acknowledged.has(index));
      if (lost.length > 0) throw new Error(`${sent.name}: acknowledged chunks ${lost.join(', ')} are missing`);
      if (body.state === 'completed') break;
      if (body.state !== 'receiving') {
        await this.json('POST', `/v1/uploads/${sent.uploadId}/complete?wait=1`);
        if (['failed', 'expired', 'cancelled'].includes(body.state))
          throw new Error(`${sent.name}: ${JSON.stringify(body)}`);
        if (Date.now() > this.#deadline) throw new Error(`${sent.name} is still ${body.state}`);
        continue;
      }
      const twice = [...acknowledged].filter(() => this.#random() < 0.1);
      const queue = shuffled(this.#random, [...body.missingChunks, ...twice]);
      const lanes = Array.from({ length: 3 }, async () => {
        for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
          if (await this.#chunk(sent, index)) acknowledged.add(index);
          await delay(20 * this.#random());
        }
      });
      await Promise.all(lanes);
    }
  }

  /** The answer may be lost after the upload was made: then it is found by its name. */
  async #createNative(name: string, wish: object): Promise<string> {
    const content = { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(wish)) };
    for (;;) {
      const answer = await this.once('POST', '/v1/uploads', content).catch((error: unknown) =>
        this.#later('no answer', error),
      );
      if (answer?.status === 201) return (JSON.parse(answer.body.toString()) as Upload).id;
      if (answer !== null && answer.status !== 503) throw new Error(`POST: ${answer.status} ${answer.body}`);
      if (answer !== null) await this.#later(codeOf(answer), new Error('creation'));
      const { body } = await this.json<{ items: Upload[] }>('GET', `/v1/uploads?filename=${name}`);
      const found = body.items.find((upload) => upload.filename === name);
      if (found) return found.id;
    }
  }

  async #chunk(sent: Sent, index: number): Promise<boolean> {
    const body = sent.bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await this.once('PUT', `/v1/uploads/${sent.uploadId}/chunks/${index}`, { headers, body }).catch(
      (error: unknown) => this.#later('no answer', error),
    );
    if (answer === null) return false;
    const said = JSON.parse(answer.body.toString()) as ChunkReceipt & Problem;
    if (answer.status === 200) return true;
    const fine = ['upload-finishing', 'chunk-busy', 'unavailable', 'shutting-down', 'upload-closed'];
    if (!fine.includes(said.code)) throw new Error(`${sent.name}: chunk ${index}: ${answer.status} ${answer.body}`);
    if (answer.status === 503) await this.#later(said.code, new Error(said.detail));
    return false;
  }

  async #tus(sent: Sent): Promise<void> {
    const tus = { 'tus-resumable': '1.0.0' };
    const create = {
      ...tus,
      'upload-length': String(sent.bytes.length),
      'upload-metadata': `filename ${Buffer.from(sent.name).toString('base64')}`,
    };
    // A creation whose answer was lost leaves an empty upload behind, which expires: that is how tus is.
    const path = new URL((await this.again('POST', '/files', { headers: create })).headers.location ?? '', 'http://x')
      .pathname;
    sent.uploadId = path.split('/').at(-1) ?? '';
    let acknowledged = 0;
    for (;;) {
      const head = await this.again('HEAD', path, { headers: tus });
      const offset = Number(head.headers['upload-offset']);
      if (head.status !== 200 || offset < acknowledged)
        throw new Error(`${sent.name}: HEAD ${head.status}, offset ${offset} after ${acknowledged} were acknowledged`);
      if (offset === sent.bytes.length) return;
      const body = sent.bytes.subarray(offset, offset + 1 + Math.floor(this.#random() * 3 * chunkBytes));
      const headers = { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) };
      const answer = await this.once('PATCH', path, { headers, body }).catch((error: unknown) =>
        this.#later('no answer', error),
      );
      if (answer?.status === 204) acknowledged = Number(answer.headers['upload-offset']);
      else if (answer !== null && ![409, 423, 503].includes(answer.status))
        throw new Error(`PATCH: ${answer.status} ${answer.body}`);
      else if (answer !== null) await this.#later(codeOf(answer), new Error(`PATCH: ${answer.status} ${answer.body}`));
    }
  }

  /** Chunks of the server's size by multipart forms, then the file's MD5 has to be the declared one. */
  async #recording(sent: Sent): Promise<void> {
    const { bytes, name } = sent;
    const client = new RecordingsClient({ fetch: (path, init) => this.#fetch(path, init) });
    sent.uploadId = await client.begin(bytes.length, { filename: `${name}.webm`, file_checksum: md5(bytes) });
    // In a bucket they are larger than MAX_CHUNK_SIZE_MB says.
    const { chunkSize } = (await this.json<Upload>('GET', `/v1/uploads/${sent.uploadId}`)).body;
    const acknowledged = new Set<number>();
    for (;;) {
      const missing: number[] = (await client.recovery(sent.uploadId))['chunks_missing'];
      const lost = missing.filter((number) => acknowledged.has(number));
      if (lost.length > 0) throw new Error(`${name}: acknowledged chunks ${lost.join(', ')} are missing`);
      if (missing.length === 0) break;
      for (const number of shuffled(this.#random, missing)) {
        const chunk = bytes.subarray((number - 1) * chunkSize, number * chunkSize);
        const answer = await client.chunk(sent.uploadId, number, chunk, { checksum: md5(chunk) });
        if (answer.status === 200) acknowledged.add(number);
        else await this.#later(`recording ${answer.status}`, new Error(`${name}: ${JSON.stringify(answer.body)}`));
      }
    }
    for (;;) {
      const { status, body } = await client.complete(sent.uploadId);
      if (status === 200 && body['file_checksum_actual'] === md5(bytes)) return;
      await this.#later(`complete ${status}`, new Error(`${name}: ${status} ${JSON.stringify(body)}`));
    }
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(new URL(path, 'http://any'), init);
    const body =
      init.body === undefined || init.body === null ? {} : { body: Buffer.from(await request.arrayBuffer()) };
    const headers = Object.fromEntries(request.headers);
    const answer = await this.again(request.method, path, { headers, ...body });
    return new Response(new Uint8Array(answer.body), { status: answer.status });
  }
}

function codeOf(answer: Answer): string {
  try {
    return String((JSON.parse(answer.body.toString()) as { code?: string }).code ?? answer.status);
  } catch {
    return String(answer.status);
  }
}
