/** What is known of one upload: its session writes it, its handle shows it. */
import type { Upload } from '@holdfast/protocol';
import { ChunkLedger, type ServerView } from './chunk-ledger.ts';
import { enter, isWorking, type Phase } from './phase.ts';
import type { Runtime } from './runtime.ts';
import type { ServerGate } from './server-gate.ts';
import type { UploadSnapshot, UploadSnapshotState, Waiting } from './snapshot.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { SpeedMeter } from './speed-meter.ts';

export interface RecordOptions {
  readonly id: string;
  readonly runtime: Runtime;
  readonly gate: ServerGate;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  readonly uploadId: string | null;
}

export class UploadRecord {
  readonly store: SnapshotStore<UploadSnapshot>;
  readonly #options: RecordOptions;
  readonly #meter = new SpeedMeter();
  /** Until when each request that went wrong waits for its next attempt. */
  readonly #retries = new Set<Waiting>();
  #phase: Phase = { name: 'preparing' };
  #uploadId: string | null;
  #ledger: ChunkLedger | null = null;
  #resumed = false;
  #requests = 0;
  #progress = 0;
  #bytesChecked: number | null = null;
  /** A creation that was sent and not answered. It is not aborted with its session, or the server would keep an upload that nobody knows. */
  creating: Promise<Upload> | null = null;
  /** Whether the server has nothing any more to go on from: `retry` begins anew. */
  gone = false;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#uploadId = options.uploadId;
    this.store = new SnapshotStore(options.runtime, () => this.#compose());
  }

  get phase(): Phase {
    return this.#phase;
  }

  get uploadId(): string | null {
    return this.#uploadId;
  }

  /** Whether this handle has already taken what the server has as its own. */
  get known(): boolean {
    return this.#ledger !== null;
  }

  /** Enters a phase if the current one allows it, and shows it at once. */
  moveTo(next: Phase): void {
    const before = this.#phase;
    this.#phase = enter(before, next);
    if (this.#phase === before || before.name === next.name) return;
    this.#bytesChecked = null;
    if (next.name === 'sending') this.#meter.restart(this.#options.runtime.now());
    else this.#meter.stop();
    if (!isWorking(this.#phase)) this.#ledger?.dropInFlight();
    this.store.flush();
  }

  /** The server created it. Shown at once: whoever keeps the id for later must not miss it. */
  created(uploadId: string): void {
    this.#uploadId = uploadId;
    this.store.flush();
  }

  /** Takes what the server has as the truth. */
  adopt(view: ServerView): ChunkLedger {
    // Only the first look tells what was there before us.
    if (this.#ledger === null) this.#resumed = this.#uploadId === this.#options.uploadId && view.receivedBytes > 0;
    this.#ledger = new ChunkLedger(view);
    this.store.touch();
    return this.#ledger;
  }

  /** Forgets the server's upload, to begin anew. */
  startOver(): void {
    this.gone = false;
    this.#uploadId = null;
    this.#ledger = null;
    this.#resumed = false;
    this.#progress = 0;
  }

  /** `sentBytes` of a chunk are with the network. */
  chunkProgress(ledger: ChunkLedger, index: number, sentBytes: number): void {
    this.#meter.add(Math.max(0, ledger.progress(index, sentBytes)));
    this.store.touch();
  }

  /** Something to do with the server begins; the returned function says that it ended. */
  requestStarted(): () => void {
    this.#requests += 1;
    this.store.touch();
    return () => {
      this.#requests -= 1;
      this.store.touch();
    };
  }

  /** A request waits for its next attempt; the returned function says that the wait is over. */
  retryScheduled(until: number): () => void {
    const waiting: Waiting = { reason: 'retrying', until };
    this.#retries.add(waiting);
    this.store.touch();
    return () => {
      this.#retries.delete(waiting);
      this.store.touch();
    };
  }

  /** While it finishes: what the server told last of its check. */
  checked(bytes: number | null): void {
    this.#bytesChecked = bytes;
    this.store.touch();
  }

  /** To be called twice a second while it works: speed and remaining time change without any event. */
  tick(): void {
    const { runtime, size } = this.#options;
    this.#meter.sample(
      runtime.now(),
      size - (this.#ledger?.acknowledgedBytes ?? 0) - (this.#ledger?.inFlightBytes ?? 0),
    );
    this.store.touch();
  }

  /** Why nothing can be sent; null while something is on its way or could be. */
  #waiting(): Waiting | null {
    if (!isWorking(this.#phase) || this.#requests > 0) return null;
    const gate = this.#options.gate.waiting;
    if (gate !== null) return gate;
    let first: Waiting | null = null;
    for (const retry of this.#retries) if (first === null || retry.until < first.until) first = retry;
    return first;
  }

  #compose(): UploadSnapshot {
    const { id, runtime, filename, contentType, size } = this.#options;
    const phase = this.#phase;
    const ledger = this.#ledger;
    const now = runtime.now();
    const waiting = this.#waiting();
    const completed = phase.name === 'completed' ? phase.result : null;
    const acknowledged = completed === null ? (ledger?.acknowledgedBytes ?? 0) : size;
    const inFlight = ledger?.inFlightBytes ?? 0;
    const totalChunks = ledger?.totalChunks ?? 0;
    // 1 is for "completed": until then the server may still find something.
    if (completed !== null) this.#progress = 1;
    else if (size > 0) this.#progress = Math.min(0.999, Math.max(this.#progress, (acknowledged + inFlight) / size));
    return Object.freeze<UploadSnapshot>({
      id,
      state: waiting === null ? shownState(phase) : 'waiting',
      waiting,
      uploadId: this.#uploadId,
      filename,
      contentType,
      size,
      bytesAcknowledged: acknowledged,
      bytesInFlight: completed === null ? inFlight : 0,
      progress: this.#progress,
      chunksAcknowledged: completed === null ? (ledger?.acknowledgedChunks ?? 0) : totalChunks,
      totalChunks,
      chunkSize: ledger?.chunkSize ?? 0,
      bytesPerSecond: waiting === null ? this.#meter.bytesPerSecond(now) : null,
      etaSeconds: waiting === null ? this.#meter.etaSeconds(now) : null,
      bytesChecked: this.#bytesChecked,
      assetId: completed?.assetId ?? null,
      sha256: completed?.sha256 ?? null,
      resumed: this.#resumed,
      error: phase.name === 'failed' ? phase.error : null,
    });
  }
}

function shownState(phase: Phase): UploadSnapshotState {
  return phase.name === 'sending' ? 'uploading' : phase.name;
}
