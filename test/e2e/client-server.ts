/** The started server as the tests of the clients see it: content of its own for each upload, and what was stored of it. */
import { randomBytes } from 'node:crypto';
import type { Upload, UploadList } from '@holdfast/protocol';
import { expect } from 'vitest';
import { sha256 } from '../../packages/server/test/running-node.ts';
import { ServerProcess } from './server-process.ts';

export interface Content {
  readonly bytes: Buffer;
  readonly sha256: string;
}

export class ClientServer {
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess) {
    this.#process = process;
  }

  /** @param origin of the pages that may use it */
  static async start(origin: string): Promise<ClientServer> {
    const env = { HOLDFAST_CORS_ORIGINS: origin, HOLDFAST_RESERVE_MB: '0' };
    return new ClientServer(await ServerProcess.start({ args: ['--no-pipeline'], env }));
  }

  get url(): string {
    return this.#process.url;
  }

  /** Never the same twice: an asset with its digest is of this upload and no other. */
  content(size: number): Content {
    const bytes = randomBytes(size);
    return { bytes, sha256: sha256(bytes) };
  }

  async stateOf(uploadUrl: string): Promise<string> {
    return (await this.#upload(uploadUrl)).state;
  }

  /** Uploads that wait for bytes. */
  async receiving(): Promise<UploadList['items']> {
    const answer = await fetch(`${this.url}/v1/uploads?state=receiving`);
    return ((await answer.json()) as UploadList).items;
  }

  /** That the upload is completed and its asset has these bytes: by the digest that the server tells and by reading it. */
  async expectStored(uploadUrl: string, { bytes, sha256: expected }: Content): Promise<Upload> {
    await expect.poll(() => this.stateOf(uploadUrl), { timeout: 20_000, interval: 20 }).toBe('completed');
    const upload = await this.#upload(uploadUrl);
    expect(upload).toMatchObject({ sha256: expected, size: bytes.length });
    const asset = await fetch(`${this.url}/v1/assets/${upload.assetId}/content`);
    expect(sha256(await asset.bytes())).toBe(expected);
    return upload;
  }

  /** Every dialect ends the address of an upload with its id. */
  async #upload(url: string): Promise<Upload> {
    const answer = await fetch(`${this.url}/v1/uploads/${url.split('/').at(-1)}`);
    expect(answer.status).toBe(200);
    return (await answer.json()) as Upload;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close();
  }
}
