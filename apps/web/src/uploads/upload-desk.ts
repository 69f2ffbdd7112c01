/**
 * The uploads of this page: hands files to the queue of whoever is signed in, shows what the queue shows, says what is worth saying. The
 * queue keeps them and sends them, also after a crash (docs/queue.md); nothing is kept here.
 */
import type { QueueItem, QueuePriority, QueueRecording, QueueSnapshot, UploadQueue } from '@holdfast/client/queue';
import { shownName, type UploadSummary } from '@holdfast/protocol';
import type { Api } from '../api/api.ts';
import { messageOf } from '../api/api-error.ts';
import { plural } from '../format/format.ts';
import { type Lecture, lectureFields } from '../recording/lecture.ts';
import { createStore, type Watchable } from '../state/store.ts';
import { isOnItsWay, isOver, listedUploads, type Totals, totalsOf } from './listed.ts';
import { lastModifiedField } from './match-unfinished.ts';
import { announcement, type Offer, originalSizeField, uploadWords } from './upload-words.ts';

/** Something to send. */
export interface Outgoing {
  readonly content: Blob;
  readonly filename: string;
  /** Of the file that it was, in ms. */
  readonly lastModified: number;
  /** Makes it a recording. */
  readonly lecture: Lecture | null;
  /** Bytes before it was compressed. */
  readonly originalSize?: number;
  readonly priority?: QueuePriority;
  /** The server's unfinished upload that it continues. */
  readonly resumeId?: string;
}

/** What could not be done with a file, or was done otherwise than asked. */
export interface Note {
  readonly id: number;
  readonly text: string;
  readonly tone: 'calm' | 'bad';
}

export interface UploadDesk {
  /** When the page was opened, in ms since the epoch. */
  readonly openedAt: number;
  /** Null until it is known whose uploads they are, and these were read. */
  readonly queue: Watchable<QueueSnapshot | null>;
  readonly totals: Watchable<Totals>;
  readonly notes: Watchable<readonly Note[]>;
  /** Shows and sends the uploads of this principal. Returns the function that ends it. */
  open(owner: string): () => void;
  /** Resolves when it is safe in this browser, or a note says why not. */
  send(outgoing: Outgoing): Promise<void>;
  openRecording(lecture: Lecture, format: { contentType: string; filename: string }): Promise<QueueRecording>;
  /** Does what a row offers. */
  act(item: QueueItem, offer: Exclude<Offer, 'select' | null>): void;
  /** The same with every upload that offers it. */
  actOnAll(offer: Exclude<Offer, 'select' | null>): void;
  /** Takes it off the list; cancels it first if it is not over. */
  remove(item: QueueItem): void;
  removeFinished(): void;
  cancelAll(): void;
  /** Whether it was taken off the list here; the server may still be hearing of it. */
  isGone(uploadId: string): boolean;
  /** Frees what an unfinished upload of another browser holds on the server. */
  discard(upload: UploadSummary): Promise<void>;
  note(text: string, tone: Note['tone']): void;
  dropNote(id: number): void;
  /** Removes everything of this principal from this browser. */
  wipe(): Promise<void>;
}

export interface UploadDeskOptions {
  readonly openedAt: number;
  openQueue(owner: string): UploadQueue;
  readonly api: Pick<Api, 'cancelUpload'>;
  announce(text: string): void;
  /** The server refused an upload for want of credentials. */
  onSignedOut(): void;
  /** What is still being prepared belongs to somebody who has left. */
  onOtherOwner(): void;
}

// Of more uploads than that nobody wants to hear one by one.
const toldOneByOneMax = 8;
const nothing: Totals = totalsOf([]);

export function createUploadDesk(options: UploadDeskOptions): UploadDesk {
  return new Desk(options);
}

class Desk implements UploadDesk {
  readonly openedAt: number;
  readonly queue = createStore<QueueSnapshot | null>(null);
  readonly totals = createStore<Totals>(nothing);
  readonly notes = createStore<readonly Note[]>([]);
  readonly #options: UploadDeskOptions;
  readonly #queues = new Map<string, UploadQueue>();
  readonly #gone = new Set<string>();
  /** Null for who waited for a queue that does not open any more. */
  #open = Promise.withResolvers<UploadQueue | null>();
  /** What is open or being opened. */
  #current: UploadQueue | null = null;
  /** Whose uploads were shown last. */
  #owner: string | null = null;
  #told: ReadonlyMap<string, QueueItem> | null = null;
  #notes = 0;
  /** There were too many to tell of each. */
  #crowd = false;

  constructor(options: UploadDeskOptions) {
    this.#options = options;
    this.openedAt = options.openedAt;
  }

  open(owner: string): () => void {
    if (this.#owner !== null && this.#owner !== owner) this.#leave();
    this.#owner = owner;
    const queue = this.#queues.get(owner) ?? this.#options.openQueue(owner);
    this.#queues.set(owner, queue);
    const look = () => this.#changed(queue.snapshot);
    const stop = queue.subscribe(look);
    queue.start().then(look, (error) => this.note(`Uploads cannot be kept here: ${messageOf(error)}`, 'bad'));
    this.#current = queue;
    this.#open.resolve(queue);
    return () => {
      stop();
      this.#current = null;
      this.#open.resolve(null);
      this.#open = Promise.withResolvers();
      this.#told = null;
      this.queue.set(null);
      this.totals.set(nothing);
      void queue.close();
    };
  }

  async send({ content, filename, lecture, lastModified, ...more }: Outgoing): Promise<void> {
    const queue = await this.#open.promise;
    if (queue === null) return;
    const owner = this.#owner;
    const time = String(lastModified);
    if (isOnItsWay(queue.list(), { name: filename, size: content.size, lastModified: time })) {
      this.note(`${filename} is on its way already.`, 'calm');
      return;
    }
    const metadata: Record<string, string> = { ...lectureFields(lecture), [lastModifiedField]: time };
    if (more.originalSize !== undefined) metadata[originalSizeField] = String(more.originalSize);
    try {
      await queue.addUpload(content, metadata, {
        filename,
        target: lecture === null ? 'upload' : 'recording',
        priority: more.priority ?? 'normal',
        ...(more.resumeId === undefined ? {} : { resumeId: more.resumeId }),
      });
    } catch (error) {
      // Whoever comes next is told neither the name nor what became of it.
      if (this.#owner === owner) this.note(`${filename} was not taken: ${messageOf(error)}`, 'bad');
    }
  }

  async openRecording(lecture: Lecture, format: { contentType: string; filename: string }): Promise<QueueRecording> {
    const queue = await this.#open.promise;
    if (queue === null) throw new Error('Somebody else has signed in meanwhile.');
    return queue.openRecording(lectureFields(lecture), { ...format, target: 'recording' });
  }

  act(item: QueueItem, offer: Exclude<Offer, 'select' | null>): void {
    this.#command((queue) => queue[offer](item.id));
  }

  actOnAll(offer: Exclude<Offer, 'select' | null>): void {
    for (const item of this.#items()) if (isMeant(item, offer)) this.act(item, offer);
  }

  remove(item: QueueItem): void {
    if (!isOver(item)) this.#options.announce(`${item.filename} is cancelled.`);
    this.#take(item);
  }

  removeFinished(): void {
    for (const item of this.#items()) if (isOver(item)) this.#take(item);
  }

  cancelAll(): void {
    const items = this.#items().filter((item) => !isOver(item) && item.status !== 'recording');
    for (const item of items) this.#take(item);
    this.#options.announce(`${items.length} uploads are cancelled.`);
  }

  isGone(uploadId: string): boolean {
    return this.#gone.has(uploadId);
  }

  async discard(upload: UploadSummary): Promise<void> {
    await this.#options.api.cancelUpload(upload.id);
    this.#gone.add(upload.id);
    this.#options.announce(`${upload.filename} is discarded.`);
  }

  note(words: string, tone: Note['tone']): void {
    const text = shownName(words);
    this.#notes += 1;
    const id = this.#notes;
    this.notes.update((notes) => [...notes.slice(-9), { id, text, tone }]);
    this.#options.announce(text);
  }

  dropNote(id: number): void {
    this.notes.update((notes) => notes.filter((note) => note.id !== id));
  }

  async wipe(): Promise<void> {
    const isRead = this.queue.getSnapshot() !== null;
    const wiped = this.#current?.clear();
    this.#leave();
    // Whoever opens it next, be it the same person.
    this.#owner = '';
    // One that does not open keeps nobody from leaving.
    if (isRead) await wiped;
    else wiped?.catch(() => {});
  }

  /** What is in this page alone goes with who it is of: the next one neither sees nor sends it. */
  #leave(): void {
    this.#open.resolve(null);
    this.#open = Promise.withResolvers();
    this.notes.set([]);
    this.#options.onOtherOwner();
  }

  #take(item: QueueItem): void {
    if (item.uploadId !== null) this.#gone.add(item.uploadId);
    this.#command((queue) => queue.remove(item.id));
  }

  #command(run: (queue: UploadQueue) => Promise<void>): void {
    const owner = this.#owner;
    const opened = this.#open.promise.then((queue) => (queue === null ? undefined : run(queue)));
    void opened.catch((error: unknown) => {
      // Whoever comes next is not told of it.
      if (this.#owner === owner) this.note(messageOf(error), 'bad');
    });
  }

  #items(): readonly QueueItem[] {
    return this.queue.getSnapshot()?.items ?? [];
  }

  #changed(snapshot: QueueSnapshot): void {
    if (!snapshot.ready) return;
    this.queue.set(snapshot);
    this.#countUp(snapshot.items);
    if (this.totals.getSnapshot().active > toldOneByOneMax) this.#crowd = true;
    this.#tell(snapshot.items);
    this.#tellOfCrowd(snapshot.items);
  }

  #countUp(items: readonly QueueItem[]): void {
    const before = this.totals.getSnapshot();
    const now = totalsOf(items);
    const facts = ['active', 'stuck', 'fraction', 'onlyHere'] as const;
    if (facts.some((fact) => now[fact] !== before[fact])) this.totals.set(now);
  }

  #tell(items: readonly QueueItem[]): void {
    const before = this.#told;
    this.#told = new Map(items.map((item) => [item.id, item]));
    for (const item of items) {
      const earlier = before?.get(item.id) ?? null;
      if (earlier !== item) this.#tellOne(earlier, item, before !== null);
    }
  }

  #tellOne(earlier: QueueItem | null, item: QueueItem, isNews: boolean): void {
    const failedNow = item.status === 'failed' && earlier?.status !== 'failed';
    if (isNews && failedNow && item.error?.code === 'unauthenticated') this.#options.onSignedOut();
    // What was there when the page was opened is in the list; nothing happened.
    const text = isNews || item.status === 'uploading' ? announcement(earlier, item) : null;
    if (text !== null && (failedNow || !this.#crowd)) this.#options.announce(text);
  }

  #tellOfCrowd(items: readonly QueueItem[]): void {
    const { active, stuck } = this.totals.getSnapshot();
    // Those that wait for a person may do so for ever; of each it was told that it failed.
    if (active > stuck || !this.#crowd) return;
    this.#crowd = false;
    const stored = listedUploads(items, this.openedAt).filter(({ status }) => status === 'completed');
    if (stored.length > 0) this.#options.announce(`${plural(stored.length, 'file is', 'files are')} stored.`);
  }
}

/** Whether what is done to all is done to this one, too. */
function isMeant(item: QueueItem, offer: Exclude<Offer, 'select' | null>): boolean {
  switch (offer) {
    // What waits for the server offers to try now, but can be paused. One that was just resumed, perhaps in another tab, may not be shown so yet.
    case 'pause':
      return item.status === 'waiting' || item.status === 'paused' || uploadWords(item).offer === 'pause';
    // The same with one that was just paused.
    case 'resume':
      return !isOver(item);
    case 'retry':
      return item.status === 'failed' && uploadWords(item).offer === 'retry';
  }
}
