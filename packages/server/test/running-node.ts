/** A whole node in this process: real stores in a folder of its own, a real socket. Disposed of with everything it made. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChunkReceipt, LogEvent, Problem, Upload } from '@holdfast/protocol';
import { pino } from 'pino';
import { expect } from 'vitest';
import { openNode, type ServerNode } from '../src/cli/compose.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Config, ConfigKey } from '../src/config/schema.ts';
import type { CrashPoints } from '../src/core/ports/crash-points.ts';
import type { AuthHook } from '../src/http/auth.ts';

export const KiB = 1024;
/** The smallest chunk that the server takes. */
export const chunkBytes = 64 * KiB;

export interface NodeWish {
  readonly config?: Partial<Record<ConfigKey, unknown>>;
  readonly dataDir?: string;
  readonly crash?: CrashPoints;
  readonly authenticate?: AuthHook;
  /** Where the log goes, line by line; nowhere without. */
  readonly log?: (line: string) => void;
  /** Sent as the API key with every request. */
  readonly apiKey?: string;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export class RunningNode {
  readonly url: string;
  readonly dataDir: string;
  readonly config: Config;
  readonly #node: ServerNode;
  readonly #apiKey: string | undefined;

  private constructor(node: ServerNode, facts: { url: string; config: Config; apiKey: string | undefined }) {
    this.#node = node;
    this.url = facts.url;
    this.config = facts.config;
    this.dataDir = facts.config.dataDir;
    this.#apiKey = facts.apiKey;
  }

  static async start(wish: NodeWish = {}): Promise<RunningNode> {
    const dataDir = wish.dataDir ?? (await mkdtemp(join(tmpdir(), 'holdfast-node-')));
    const flags = { dataDir, port: 0, pipeline: false, logLevel: 'silent', reserveMb: 0, durability: 'committed' };
    const config = loadConfig({ env: {}, flags: { ...flags, ...wish.config } });
    const crash = wish.crash === undefined ? {} : { crash: wish.crash };
    const hook = wish.authenticate === undefined ? {} : { authenticate: wish.authenticate };
    const log = pino({ level: config.logLevel }, { write: wish.log ?? (() => {}) });
    const node = await openNode({ config, log, ...crash, ...hook });
    const url = await node.http.app.listen({ host: config.host, port: config.port });
    return new RunningNode(node, { url, config, apiKey: wish.apiKey });
  }

  /** The same node, asked with other credentials. */
  as(apiKey: string): RunningNode {
    return new RunningNode(this.#node, { url: this.url, config: this.config, apiKey });
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The server's list of routes, for the tests of the documents. */
  get routes(): string {
    return this.#node.http.app.printRoutes({ commonPrefix: false });
  }

  /** Stops it and keeps the folder. */
  async stop(): Promise<void> {
    await this.#node.close();
  }

  async close(): Promise<void> {
    await this.#node.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#apiKey !== undefined && !headers.has('authorization'))
      headers.set('authorization', `Bearer ${this.#apiKey}`);
    return fetch(this.url + path, { ...init, headers });
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const content =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await this.fetch(path, { method, ...content });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? null : JSON.parse(text)) as T };
  }

  async create(wish: object): Promise<Upload> {
    const answer = await this.json<Upload>('POST', '/v1/uploads', {
      filename: 'file.bin',
      chunkSize: chunkBytes,
      ...wish,
    });
    expect(answer).toMatchObject({ status: 201 });
    return answer.body;
  }

  async put(
    id: string,
    index: number | string,
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Answer<ChunkReceipt & Problem>> {
    const path = `/v1/uploads/${id}/chunks/${index}`;
    const response = await this.fetch(path, { method: 'PUT', body: Buffer.from(bytes), headers });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as ChunkReceipt & Problem,
    };
  }

  async status(id: string): Promise<Upload> {
    return (await this.json<Upload>('GET', `/v1/uploads/${id}`)).body;
  }

  async events(id: string): Promise<LogEvent[]> {
    return (await this.json<{ items: LogEvent[] }>('GET', `/v1/uploads/${id}/events?limit=1000`)).body.items;
  }

  /** Sends a whole file and waits for its end. */
  async upload(bytes: Uint8Array, wish: object = {}): Promise<Upload> {
    const upload = await this.create({ size: bytes.byteLength, ...wish });
    for (let i = 0; i < upload.totalChunks; i += 1) {
      const receipt = await this.put(upload.id, i, bytes.subarray(i * upload.chunkSize, (i + 1) * upload.chunkSize));
      expect(receipt).toMatchObject({ status: 200 });
    }
    const done = await this.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done).toMatchObject({ status: 200, body: { state: 'completed', sha256: sha256(bytes) } });
    return done.body;
  }

  /** Bytes of the upload's file that something was written to, recorded or not. */
  async storedBytes(id: string): Promise<number> {
    return (await stat(join(this.dataDir, 'incoming', id))).blocks * 512;
  }

  /** Names in incoming/: what unfinished uploads hold. */
  async incoming(): Promise<string[]> {
    return await readdir(join(this.dataDir, 'incoming'));
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function someBytes(length: number): Buffer {
  return randomBytes(length);
}

/** Every refusal is a problem document with its code, and says whether trying again helps. */
export function expectProblem(answer: Answer<unknown>, status: number, code: string): Problem {
  const { headers, body, ...rest } = answer;
  expect({ ...rest, body }).toMatchObject({ status, body: { status, code, type: `urn:holdfast:error:${code}` } });
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = body as Problem;
  expect(typeof problem.retryable).toBe('boolean');
  expect(problem.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(problem.detail.length).toBeGreaterThan(10);
  return problem;
}
