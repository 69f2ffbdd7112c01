/** The upload service: what every dialect talks to. Load → decide → run effects through ports. */
import type { Command } from '../core/command.ts';
import { HoldfastError } from '../core/errors.ts';
import { assertCovers } from '../core/grant.ts';
import type { Page, UploadQuery } from '../core/ports/upload-store.ts';
import { fraction } from '../core/progress.ts';
import { gone, refusal } from '../core/receiving-rules.ts';
import { type Extent, finalPhases, type Upload } from '../core/upload.ts';
import { Appender, type AppendReceipt } from './append.ts';
import type { AppendDelivery } from './append-checks.ts';
import { begin, type CreateRequest, checkRoom, insertUpload, requested } from './beginning.ts';
import type { Handle } from './caller.ts';
import { Concatenations } from './concatenate.ts';
import { turnLost } from './content-turns.ts';
import { apply, notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import { DirectUploads } from './direct.ts';
import { Endings, isFinishing } from './endings.ts';
import { recordFailedSyncs } from './failed-syncs.ts';
import { Finisher } from './finish.ts';
import { discardTaken } from './join-parts.ts';
import { type ChunkDelivery, type Receipt, Receiver } from './receive.ts';
import { Turns } from './turns.ts';
import { type UploadView, viewOf } from './view.ts';
import { type WholeFile, WholeFiles } from './whole.ts';

/** An upload that is being put in place cannot be stopped any more; it takes a moment. */
const withdrawWaitMs = 5_000;

export type { CreateRequest } from './beginning.ts';
export type { Handle } from './caller.ts';

export class UploadService {
  readonly #deps: UploadDependencies;
  readonly finisher: Finisher;
  readonly concatenations: Concatenations;
  /** Null: clients send everything to the server. */
  readonly direct: DirectUploads | null;
  readonly #receiver: Receiver;
  readonly #whole: WholeFiles;
  readonly #turns: Turns;
  readonly #appender: Appender;
  readonly #endings: Endings;

  constructor(deps: UploadDependencies) {
    this.#deps = deps;
    this.#endings = new Endings(deps);
    this.finisher = new Finisher(deps, (upload) => this.#ended(upload));
    recordFailedSyncs(deps, this.finisher);
    this.concatenations = new Concatenations(deps, this.finisher);
    this.#receiver = new Receiver(deps, this.finisher);
    this.#whole = new WholeFiles(deps, this.finisher);
    const receive = (delivery: ChunkDelivery) => this.receiveChunk(delivery);
    const append = (delivery: AppendDelivery) => this.append(delivery);
    this.direct = deps.direct ? new DirectUploads(deps, deps.direct, { receive, append }) : null;
    this.#turns = new Turns(deps);
    this.#appender = new Appender(deps, {
      finisher: this.finisher,
      turns: this.#turns,
      wholePart: (part) => this.concatenations.partIsWhole(part),
    });
  }

  /**
   * Creates an upload; completed at once when the principal already owns content with the declared digest and size.
   * With a grant, the upload takes its token. A final one (`concatenation`) is created at once, whatever its size, and finished in the
   * background when its parts are whole. Throws `invalid-*`, `file-too-large`, `unsupported-type`, `token-used`, `token-scope`, `too-many-uploads`,
   * `quota-exceeded`, `insufficient-storage`, `creation-refused`, `unavailable`.
   */
  async create(request: CreateRequest): Promise<UploadView> {
    const now = this.#deps.clock.now();
    const { upload, event } = requested(this.#deps, request, now);
    const known = await this.concatenations.known(upload);
    if (known) return viewOf(known, [], now);
    const mayTell = (request.grant ?? null) === null;
    const beginning = () => begin(this.#deps, upload, { lease: this.finisher.lease(), now, mayTell });
    const begun = await beginning();
    const instant = begun.next.phase.name === 'completed';
    if (!instant && request.size !== null) await checkRoom(this.#deps, request.size);
    // Last, so that nobody is asked about what is refused anyway.
    await this.#deps.creationGate.admit(upload);
    const uses = await this.concatenations.uses(upload);
    const insert = async ({ next, events, writes }: typeof begun) =>
      await insertUpload(this.#deps, request, {
        upload: next,
        events: [event, ...events],
        writes: [...writes, ...uses],
      });
    const { phase } = begun.next;
    // What it relies on may be deleted meanwhile.
    const next = await (phase.name === 'completed'
      ? this.#deps.contents.within(phase.assetId, async (mayAct) => {
          const again = await beginning();
          if (!mayAct()) throw turnLost();
          return await insert(again);
        })
      : insert(begun));
    if (next.phase.name === 'completed') this.#ended(next);
    if (next.phase.name === 'validating') this.finisher.start(next, null);
    this.concatenations.begin(next);
    return viewOf(next, [], now);
  }

  /**
   * Creates an upload with all its bytes, at most `wholeBytesMax`: durable when this resolves, or nothing is left of it. The digest of the
   * whole is checked in the background then. Throws what `create` says, and `body-too-long`, `body-too-short`, `body-timeout`,
   * `digest-mismatch`, `invalid-digest`.
   */
  async createWhole(request: CreateRequest, file: WholeFile): Promise<UploadView> {
    if (request.size === 0) return await this.create(request);
    const { upload, extent } = await this.#whole.take(request, file);
    return viewOf(upload, [extent], this.#deps.clock.now());
  }

  async receiveChunk(delivery: ChunkDelivery): Promise<Receipt> {
    const { clock, log } = this.#deps;
    const started = clock.now();
    const receipt = await this.#receiver.receive(delivery);
    const { upload, extent, duplicate } = receipt;
    const progress = fraction(upload.receivedBytes, upload.size);
    const bytesPerSecond = Math.round((extent.length * 1000) / Math.max(1, clock.now() - started));
    log.debug(
      { uploadId: upload.id, chunk: delivery.index, size: extent.length, progress, bytesPerSecond, duplicate },
      'chunk received',
    );
    return receipt;
  }

  /**
   * Adds a body at the offset of an upload that was created with `intake: 'append'`, or tells its length, or that it ends here. A newer call
   * for the upload ends an older one; whatever arrived of a body counts, however it ended, unless a digest was to be checked.
   * Throws `upload-not-found`, `offset-mismatch`, `length-conflict`, `file-too-large`, `body-too-long`, `body-too-short`, `body-timeout`,
   * `digest-mismatch`, `invalid-digest`, `upload-busy`, `upload-taken-over`, `lease-lost`, `upload-paused`, `upload-finishing`,
   * `upload-closed`, `wrong-protocol`, `upload-is-concatenation`, `insufficient-storage`, `unavailable`.
   */
  async append(delivery: AppendDelivery): Promise<AppendReceipt> {
    const receipt = await this.#appender.append(delivery);
    const { upload, appendedBytes } = receipt;
    this.#deps.log.debug({ uploadId: upload.id, offset: delivery.offset, size: appendedBytes }, 'bytes appended');
    return receipt;
  }

  /** Ends requests that append, for a server that stops: what had arrived is kept. */
  async stopAppending(): Promise<void> {
    await this.#appender.stop();
  }

  /** The facts of an upload, without its extents: one read. */
  async find(handle: Handle): Promise<Upload> {
    return await this.#owned(handle);
  }

  /**
   * The facts of an upload that nobody is appending to: a running request is ended as a newer one would end it, so that the offset is the
   * one at which the next request goes on. Throws `upload-not-found`, `upload-busy`.
   */
  async settled(handle: Handle): Promise<Upload> {
    await this.#turns.end(await this.#owned(handle));
    return await this.#owned(handle);
  }

  /** As `find`, for protocols in which an upload is a resource. Throws `upload-closed` when it is gone: cancelled, expired, failed, withdrawn. */
  async resource(handle: Handle): Promise<Upload> {
    const upload = await this.#owned(handle);
    const ended = gone(upload);
    if (ended) throw ended;
    return upload;
  }

  /** As `resource`, with an offset at which an append that comes next is taken, unless more bytes arrive meanwhile. Waits a moment, stops nobody. */
  async current(handle: Handle): Promise<Upload> {
    const upload = await this.resource(handle);
    return (await this.#appender.checkpoint(handle.id)) ? await this.resource(handle) : upload;
  }

  /** Bytes in the whole file as far as they are known: of a final upload that waits, the sum of its parts. */
  async length(upload: Upload): Promise<number | null> {
    return upload.size ?? (await this.concatenations.length(upload));
  }

  /** Cancels an upload; one that is completed is gone afterwards, but its asset stays. Throws `upload-in-use`, `upload-closed` when it is gone. */
  async withdraw(handle: Handle): Promise<void> {
    const upload = await this.resource(handle);
    const current = isFinishing(upload) ? await this.#endings.until(upload, withdrawWaitMs) : upload;
    if (current.phase.name === 'completed') await this.#command(handle, { type: 'withdraw' });
    else await this.cancel(handle);
  }

  async status(handle: Handle): Promise<UploadView> {
    const upload = await this.#owned(handle);
    const extents = upload.phase.name === 'completed' ? [] : await this.#deps.store.extents(upload.id);
    const view = viewOf(upload, extents, this.#deps.clock.now());
    return { ...view, hashedBytes: this.finisher.hashedBytes(upload.id) };
  }

  /** The chunks that are stored, by offset; those of completed uploads too, as long as the upload is kept in lists. */
  async chunks(handle: Handle): Promise<{ upload: Upload; extents: readonly Extent[] }> {
    const upload = await this.#owned(handle);
    return { upload, extents: await this.#deps.store.extents(upload.id) };
  }

  list(query: UploadQuery): Promise<Page<Upload>> {
    return this.#deps.store.list(query);
  }

  async pause(handle: Handle): Promise<UploadView> {
    return await this.#command(handle, { type: 'pause' });
  }

  async resume(handle: Handle): Promise<UploadView> {
    return await this.#command(handle, { type: 'resume', ttlMs: this.#deps.limits.uploadTtlMs });
  }

  /** Frees the upload's bytes; cancelling twice is fine. */
  async cancel(handle: Handle): Promise<UploadView> {
    const view = await this.#command(handle, { type: 'cancel' });
    this.#receiver.forget(handle.id);
    await this.#deps.blobs.discard(handle.id);
    await discardTaken(this.#deps, view.upload);
    await this.#deps.store.released(handle.id);
    if (view.upload.storage === 'held') this.#ended(view.upload);
    return view;
  }

  /**
   * Waits at most `waitMs` for the upload to end. Throws `missing-chunks` with the list when bytes are missing, `upload-paused`,
   * `digest-mismatch` and the like when it failed, `upload-closed` when it was cancelled or expired.
   */
  async complete(handle: Handle, waitMs: number): Promise<UploadView> {
    const upload = await this.#owned(handle);
    if (upload.phase.name === 'receiving') throw await this.#missing(upload);
    const ended = await this.#endings.until(upload, waitMs);
    if (ended.phase.name === 'receiving') throw await this.#missing(ended);
    if (ended.phase.name === 'failed')
      throw new HoldfastError(ended.phase.code, ended.phase.reason, { details: { uploadId: ended.id } });
    if (ended.phase.name !== 'completed' && ended.phase.name !== 'validating' && ended.phase.name !== 'assembling')
      throw refusal(ended) ?? notFound(ended.id);
    return await this.status(handle);
  }

  async #command(handle: Handle, command: Command): Promise<UploadView> {
    const owned = await this.#owned(handle);
    const change = async () => await apply(this.#deps.store, { id: handle.id, command, now: this.#deps.clock.now() });
    const interrupts = command.type === 'pause' || command.type === 'cancel';
    const upload = interrupts ? await this.#turns.interrupting(owned, change) : await change();
    const now = this.#deps.clock.now();
    this.#deps.log.info({ uploadId: handle.id, command: command.type, state: upload.phase.name }, 'upload changed');
    return viewOf(upload, await this.#deps.store.extents(upload.id), now);
  }

  async #owned(handle: Handle): Promise<Upload> {
    assertCovers(handle.grant, handle.id);
    const upload = await this.#deps.store.find(handle.id);
    if (!upload || upload.principal !== handle.principal) throw notFound(handle.id);
    return upload;
  }

  async #missing(upload: Upload): Promise<HoldfastError> {
    const view = viewOf(upload, await this.#deps.store.extents(upload.id), this.#deps.clock.now());
    const { missing, missingChunks, missingTruncated } = view;
    return new HoldfastError(
      'missing-chunks',
      upload.size === null
        ? `${upload.receivedBytes} bytes have arrived; how many there are was not told yet.`
        : `${upload.size - upload.receivedBytes} of ${upload.size} bytes have not arrived.`,
      {
        details: { missingChunks, missing, truncated: missingTruncated },
      },
    );
  }

  #ended(upload: Upload): void {
    const { observer, log } = this.#deps;
    const outcome = finalPhases.find((name) => name === upload.phase.name);
    this.#receiver.forget(upload.id);
    this.#endings.tell(upload.id);
    if (!outcome) return;
    observer.ended(outcome);
    log.info(
      { uploadId: upload.id, state: outcome, size: upload.size, totalMs: upload.updatedAt - upload.createdAt },
      'upload ended',
    );
  }
}
