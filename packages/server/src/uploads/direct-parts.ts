/**
 * Files that clients send straight to the store in numbered parts, without telling the length or the size of a part before: addresses → PUTs by the
 * client → completion. What is in the store says where each part begins; parts are added to the upload in their order, each read once and
 * recorded before the next. Completion that was cut off goes on where it was when it is asked for again.
 */
import { HoldfastError } from '../core/errors.ts';
import { assertCovers } from '../core/grant.ts';
import type { ArrivedPart, DirectBlobs } from '../core/ports/direct-blobs.ts';
import { foreignIntake, hasEveryByte, refusal } from '../core/receiving-rules.ts';
import type { Upload } from '../core/upload.ts';
import type { AppendReceipt } from './append.ts';
import type { AppendDelivery } from './append-checks.ts';
import type { Handle } from './caller.ts';
import { notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';

/** As many as a multipart upload of S3 has. */
export const partsMax = 10_000;

export interface SentPart {
  /** From 1. */
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
}

export interface KnownPart extends SentPart {
  readonly size: number;
}

export class DirectParts {
  readonly #deps: UploadDependencies;
  readonly #direct: DirectBlobs;
  readonly #append: (delivery: AppendDelivery) => Promise<AppendReceipt>;

  constructor(
    deps: UploadDependencies,
    direct: DirectBlobs,
    append: (delivery: AppendDelivery) => Promise<AppendReceipt>,
  ) {
    this.#deps = deps;
    this.#direct = direct;
    this.#append = append;
  }

  /** Throws `upload-not-found`, `token-scope`, `invalid-chunk-index`, `wrong-protocol`, `upload-paused`, `upload-finishing`, `upload-closed`. */
  async address(handle: Handle, number: number): Promise<{ readonly url: string; readonly expiresIn: number }> {
    if (!Number.isInteger(number) || number < 1 || number > partsMax)
      throw new HoldfastError('invalid-chunk-index', `Parts have the numbers 1 to ${partsMax}; got ${number}.`);
    const upload = await this.#receiving(handle);
    const left = (handle.grant?.expiresAt ?? Number.POSITIVE_INFINITY) - this.#deps.clock.now();
    const expiresIn = Math.max(1, Math.floor(Math.min(this.#deps.limits.addressMs, left) / 1_000));
    const arrival = { uploadId: upload.id, name: nameOf(number) };
    return { url: await this.#direct.sendAddress(arrival, { bytes: null, seconds: expiresIn }), expiresIn };
  }

  /** Parts that are in the store, by number. Throws as `address` does. */
  async list(handle: Handle): Promise<KnownPart[]> {
    const upload = await this.#receiving(handle);
    return await this.#arrived(upload);
  }

  /**
   * Makes the parts the file. They have to be those that were sent, all of them, from 1 on. Throws `invalid-request`, `piece-missing`,
   * `piece-mismatch`, and what `UploadService.append` throws.
   */
  async complete(handle: Handle, sent: readonly SentPart[]): Promise<void> {
    const upload = await this.#owned(handle);
    if (hasEveryByte(upload)) return;
    const refused = refusal(upload);
    if (refused) throw refused;
    const parts = matched(sent, await this.#arrived(upload));
    let offset = 0;
    for (const part of parts) {
      const end = offset + part.size;
      const { receivedBytes } = await this.#owned(handle);
      if (receivedBytes < end) await this.#add(handle, { part, offset });
      offset = end;
    }
    const last = { offset, declaredLength: 0, size: offset, end: true, body: noBody };
    await this.#append({ ...callerOf(handle), uploadId: upload.id, digest: null, ...last });
  }

  async #add(handle: Handle, { part, offset }: { readonly part: KnownPart; readonly offset: number }): Promise<void> {
    const arrived = await this.#direct.arrived({ uploadId: handle.id, name: nameOf(part.number) });
    if (arrived === null) throw missing(part.number);
    if (arrived.size !== part.size || arrived.etag !== part.etag) throw mismatch(part.number);
    try {
      await this.#append({
        ...callerOf(handle),
        uploadId: handle.id,
        offset,
        declaredLength: part.size,
        size: null,
        digest: null,
        end: false,
        body: arrived.body,
        take: async ({ digests, body, mayWrite }) => {
          const request = { offset, length: part.size, body, digests, mayRecord: mayWrite };
          return { ...(await arrived.take(request)), length: part.size, end: 'body' };
        },
      });
    } finally {
      await arrived.body.abandon();
    }
  }

  async #arrived(upload: Upload): Promise<KnownPart[]> {
    const found = await this.#direct.arrivals(upload.id);
    return found.flatMap(partOf).sort((a, b) => a.number - b.number);
  }

  async #receiving(handle: Handle): Promise<Upload> {
    const upload = await this.#owned(handle);
    const refused = refusal(upload);
    if (refused) throw refused;
    return upload;
  }

  async #owned(handle: Handle): Promise<Upload> {
    assertCovers(handle.grant, handle.id);
    const upload = await this.#deps.store.find(handle.id);
    if (!upload || upload.principal !== handle.principal) throw notFound(handle.id);
    const foreign = foreignIntake(upload, 'append');
    if (foreign) throw foreign;
    return upload;
  }
}

const noBody = { next: async () => null, abandon: async () => {}, flush: () => {}, interrupt: () => {} };

function callerOf({ id: _id, ...caller }: Handle): Omit<Handle, 'id'> {
  return caller;
}

function nameOf(number: number): string {
  return `part-${number}`;
}

function partOf({ name, size, etag }: ArrivedPart): KnownPart[] {
  const found = /^part-([1-9]\d{0,4})$/.exec(name);
  return found ? [{ number: Number(found[1]), size, etag }] : [];
}

/** The parts of the file, in order. What else arrived is left out. */
function matched(sent: readonly SentPart[], arrived: readonly KnownPart[]): KnownPart[] {
  const known = new Map(arrived.map((part) => [part.number, part]));
  const sorted = [...sent].sort((a, b) => a.number - b.number);
  return sorted.map(({ number, etag }, i) => {
    if (number !== i + 1)
      throw new HoldfastError(
        'invalid-request',
        `The parts have to be 1, 2, 3 …, each once; part ${i + 1} is not there.`,
      );
    const part = known.get(number);
    if (part === undefined) throw missing(number);
    if (part.etag !== etag) throw mismatch(number);
    return part;
  });
}

function missing(number: number): HoldfastError {
  return new HoldfastError(
    'piece-missing',
    `The store has no part ${number}. Send it, then complete the upload again.`,
    {
      details: { partNumber: number },
    },
  );
}

function mismatch(number: number): HoldfastError {
  return new HoldfastError('piece-mismatch', `The store has another part ${number} than was told. Send it again.`, {
    details: { partNumber: number },
  });
}
