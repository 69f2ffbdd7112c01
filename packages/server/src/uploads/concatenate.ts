/**
 * Final uploads: made of partial ones, in order. Creating one costs nothing in the size; once all parts have their bytes they are made
 * durable and the upload is handed to the finisher, which puts them into one file. Every step can be done again after a crash.
 */
import { isWholePart } from '../core/concatenation-rules.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Write } from '../core/ports/upload-store.ts';
import type { Upload } from '../core/upload.ts';
import { decideOn } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import { distrustLost } from './failed-syncs.ts';
import type { Finisher } from './finish.ts';
import { dropDamaged } from './repair.ts';

const batch = 200;

export class Concatenations {
  readonly #deps: UploadDependencies;
  readonly #finisher: Finisher;
  readonly #running = new Set<Promise<unknown>>();

  constructor(deps: UploadDependencies, finisher: Finisher) {
    this.#deps = deps;
    this.#finisher = finisher;
  }

  /**
   * The final upload that was asked for before, when its parts are in it already: the answer to its creation was lost, and asking again must
   * not end in an error about parts that are gone, let alone in a second file. Null while the parts can be used.
   */
  async known({ concatenation, principal }: Upload): Promise<Upload | null> {
    if (concatenation.role !== 'final') return null;
    const uploads = await this.#load(concatenation.parts);
    const consumed = [...uploads.values()].some(
      (part) => part.principal === principal && part.phase.name === 'cancelled',
    );
    return consumed ? await this.#deps.store.findFinal(principal, concatenation.parts) : null;
  }

  /** What a new upload takes of others: of a final one its parts. Throws `invalid-concatenation`, `file-too-large`. */
  async uses({ concatenation, principal }: Upload): Promise<Write[]> {
    if (concatenation.role !== 'final') return [];
    await this.#check(concatenation.parts, principal);
    return [{ type: 'use-parts', parts: concatenation.parts }];
  }

  async #check(parts: readonly string[], principal: string): Promise<void> {
    const { partsMax, fileBytesMax } = this.#deps.limits;
    if (parts.length === 0 || parts.length > partsMax)
      throw invalid(`A concatenation has 1 to ${partsMax} parts; this one has ${parts.length}.`, {});
    const uploads = await this.#load(parts);
    let size = 0;
    for (const id of parts) {
      const part = uploads.get(id);
      if (!part || part.principal !== principal) throw invalid(`There is no upload ${id} here.`, { part: id });
      if (part.concatenation.role !== 'partial')
        throw invalid(`The upload ${id} was not created as a partial one.`, { part: id });
      if (part.phase.name !== 'receiving' && part.phase.name !== 'paused')
        throw invalid(`The partial upload ${id} is ${part.phase.name}. Upload it again.`, {
          part: id,
          state: part.phase.name,
        });
      size += part.size ?? 0;
    }
    if (size > fileBytesMax)
      throw new HoldfastError(
        'file-too-large',
        `The parts have ${size} bytes together; this server takes at most ${fileBytesMax}.`,
        { details: { size, fileBytesMax } },
      );
  }

  /** The sum of the parts of a final upload; null when one of them is not known, and for any other upload. */
  async length({ concatenation }: Upload): Promise<number | null> {
    if (concatenation.role !== 'final') return null;
    const uploads = await this.#load(concatenation.parts);
    return concatenation.parts.reduce<number | null>((sum, id) => {
      const size = uploads.get(id)?.size ?? null;
      return sum === null || size === null ? null : sum + size;
    }, 0);
  }

  /** In the background: the final uploads that wait for this part, if it was the last one. */
  partIsWhole(part: Upload): void {
    if (part.concatenation.role !== 'partial') return;
    this.#inBackground(part.id, async () => {
      for (const final of await this.#deps.store.finalsOf(part.id)) await this.#join(final);
    });
  }

  /** In the background: hands a final upload to the finisher if its parts are whole. */
  begin(final: Upload): void {
    if (final.concatenation.role !== 'final') return;
    this.#inBackground(final.id, () => this.#join(final));
  }

  /** Takes up what a crash left, and puts the expiry of those that still wait off until their parts expire. Resolves to how many were handed on. */
  async sweep(): Promise<number> {
    let joined = 0;
    for (let after = ''; ; ) {
      const waiting = await this.#deps.store.waitingFinals(after, batch);
      for (const final of waiting)
        if (await this.#join(final).catch((error) => this.#failed(final.id, error))) joined += 1;
      const last = waiting.at(-1);
      if (!last || waiting.length < batch) return joined;
      after = last.id;
    }
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #inBackground(uploadId: string, work: () => Promise<unknown>): void {
    const running = work()
      .catch((error: unknown) => this.#failed(uploadId, error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #failed(uploadId: string, error: unknown): false {
    this.#deps.log.error({ uploadId, err: error }, 'concatenating failed; it is tried again');
    return false;
  }

  async #join(final: Upload): Promise<boolean> {
    const { store, clock, crash, limits } = this.#deps;
    if (final.concatenation.role !== 'final' || final.phase.name !== 'receiving') return false;
    const { parts } = final.concatenation;
    const uploads = await this.#load(parts);
    const whole = parts.map((id) => uploads.get(id)).filter((part) => part !== undefined && isWholePart(part));
    if (whole.length < parts.length) {
      await this.#prolong(final, [...uploads.values()]);
      return false;
    }
    const size = whole.reduce((sum, part) => sum + (part?.size ?? 0), 0);
    // From here on no crash can take bytes that the one file is made of, whatever the durability level.
    for (const part of uploads.values())
      if (part.phase.name !== 'cancelled' && part.size !== 0 && !(await this.#harden(part))) return false;
    crash('concatenation:after-harden');
    const tooLarge = size > limits.fileBytesMax;
    const command = tooLarge
      ? ({ type: 'cancel' } as const)
      : ({ type: 'join', size, lease: this.#finisher.lease() } as const);
    const decision = await decideOn(store, { id: final.id, command, now: clock.now() });
    if (decision.kind === 'reject' || tooLarge) return false;
    crash('concatenation:after-join');
    this.#finisher.start(decision.next, null);
    return true;
  }

  /** False: bytes of the part are not there, and were asked for again. Nobody else would: a part is not finished by itself. */
  async #harden(part: Upload): Promise<boolean> {
    const { store, blobs } = this.#deps;
    try {
      if (part.doubt === 'writers') {
        await blobs.isolate(part.id, part.receivedBytes);
        if ((await dropDamaged(this.#deps, part.id, 'the disk failed to keep them')) > 0) return false;
      }
      await blobs.harden(part.id);
      return true;
    } catch (error) {
      const doubted = await distrustLost(this.#deps, part);
      if (doubted) return await this.#harden(doubted);
      const gone = error instanceof HoldfastError && error.code === 'storage-damaged';
      if (!gone || (await dropDamaged(this.#deps, part.id, 'stored bytes are gone')) === 0) throw error;
      if ((await store.find(part.id))?.receivedBytes === 0) await blobs.makeWay(part.id);
      return false;
    }
  }

  async #prolong(final: Upload, parts: readonly Upload[]): Promise<void> {
    const until = parts.reduce((latest, part) => Math.max(latest, part.expiresAt), 0);
    if (until <= final.expiresAt) return;
    const command = { type: 'prolong', until } as const;
    await decideOn(this.#deps.store, { id: final.id, command, now: this.#deps.clock.now() });
  }

  /** Each part once, by id; those that are not there are not in it. */
  async #load(parts: readonly string[]): Promise<Map<string, Upload>> {
    const ids = [...new Set(parts)];
    const found = await Promise.all(ids.map((id) => this.#deps.store.find(id)));
    return new Map(found.flatMap((upload) => (upload === null ? [] : [[upload.id, upload]])));
  }
}

function invalid(message: string, details: Record<string, unknown>): HoldfastError {
  return new HoldfastError('invalid-concatenation', message, { details });
}
