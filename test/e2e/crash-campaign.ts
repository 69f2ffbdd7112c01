/**
 * Uploads through a server that dies again and again: each seed starts it with one crash point armed, goes on with what is left from
 * the seeds before, adds uploads of its own and drives everything until the process is gone.
 */
import type { ChunkReceipt, LogEvent, Problem, Upload } from '@holdfast/protocol';
import type { ServerProcess } from './server-process.ts';
import { type Arm, PassingApi, type Survivors } from './survivors.ts';
import { Api, NoAnswer, seededBytes, seededRandom, sha256, shuffled } from './upload-driver.ts';

const connections = 4;
const uploadsAtOnce = 3;

/** The process died at its crash point before it listened. */
class NotStarted extends Error {}

/** One file and what the server has acknowledged of it. */
interface Sending {
  readonly name: string;
  readonly bytes: Buffer;
  readonly declaresDigest: boolean;
  readonly acknowledged: Set<number>;
  readonly chunkBytes: number;
  id: string | null;
  totalChunks: number;
}

export interface CampaignWish {
  /** Of one upload. Default: 64 KiB. */
  readonly chunkBytes?: (random: () => number) => number;
  /** What is left of uploads at the end. Default: what is in the folder for them. */
  readonly leftovers?: () => Promise<readonly string[]>;
  /** Of a server of several processes, which goes on when one of them dies. */
  readonly survivors?: Survivors;
}

export interface CampaignReport {
  completed: number;
  acknowledged: number;
  duplicates: number;
  /** How often the process died at each point. */
  readonly crashes: Map<string, number>;
  /** Seeds whose point was not reached; the process was killed from outside. */
  unreached: number;
}

export class Campaign {
  readonly report: CampaignReport = { completed: 0, acknowledged: 0, duplicates: 0, crashes: new Map(), unreached: 0 };
  readonly #server: ServerProcess;
  readonly #survivors: Survivors | null;
  readonly #wish: CampaignWish;
  readonly #api: Api;
  /** Digests of what has arrived. */
  readonly arrived = new Set<string>();
  #open: Sending[] = [];
  readonly #done: Buffer[] = [];
  #random: () => number = Math.random;
  #seed = 0;

  constructor(server: ServerProcess, wish: CampaignWish = {}) {
    this.#server = server;
    this.#wish = wish;
    this.#survivors = wish.survivors ?? null;
    this.#api = this.#survivors === null ? new Api(() => server.url) : new PassingApi(() => server.url);
  }

  /** One life of the process: it dies at the `nth` time that it comes by the point, or is killed when the work is done. */
  async live(seed: number, arm: Arm): Promise<void> {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    const died = await this.#untilAnswered(async () => {
      if (this.#survivors !== null) await this.#survivors.arm(arm);
      else {
        await this.#server.kill();
        await this.#run({ HOLDFAST_TEST_CRASH_AT: `${arm.point}:${arm.nth}` });
      }
      await this.#checkAll();
      for (const sending of this.#plan()) this.#open.push(sending);
      await this.#driveAll();
    });
    if (this.#survivors?.sawDeath()) return this.#crashed(arm.point);
    if (!died || this.#survivors !== null) {
      this.report.unreached += 1;
      return;
    }
    const exit = await this.#server.exit;
    this.#check(exit.signal === 'SIGKILL', `the process was killed at ${arm.point}, not ${exit.signal ?? exit.code}`);
    this.#crashed(arm.point);
  }

  #crashed(point: string): void {
    this.report.crashes.set(point, (this.report.crashes.get(point) ?? 0) + 1);
  }

  /** The process is killed from outside, after `ms` at the latest, whatever it does. */
  async liveUntilKilled(seed: number, ms: number): Promise<void> {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    await this.#server.kill();
    let timer: NodeJS.Timeout | undefined;
    await this.#untilAnswered(async () => {
      await this.#run({});
      timer = setTimeout(() => void this.#server.kill(), ms);
      await this.#checkAll();
      for (const sending of this.#plan()) this.#open.push(sending);
      await this.#driveAll();
    });
    clearTimeout(timer);
  }

  /** A last life without a crash point: everything that was begun has to end well. */
  async finish(): Promise<void> {
    await this.#survivors?.disarm();
    await this.#server.restart();
    await this.#checkAll();
    await this.#driveAll();
    this.#check(this.#open.length === 0, `all uploads completed; left: ${this.#open.map((s) => s.name).join(', ')}`);
    const leftovers = await (this.#wish.leftovers?.() ?? this.#server.incoming());
    this.#check(leftovers.length === 0, `nothing is left of uploads: ${leftovers.join(', ')}`);
    this.#api.close();
  }

  /** Going on with what the last life left may bring it to the point before it listens. */
  async #run(env: Record<string, string>): Promise<void> {
    try {
      await this.#server.run(env);
    } catch (cause) {
      if ((await this.#server.exit).signal === 'SIGKILL') throw new NotStarted('it died while it started', { cause });
      throw cause;
    }
  }

  /** Files of awkward sizes: nothing, one byte, chunk multiples and their neighbours, sometimes content that is stored already. */
  #plan(): Sending[] {
    const count = 2 + Math.floor(this.#random() * 2);
    return Array.from({ length: count }, (_, i) => {
      const again = this.#random() < 0.15 ? this.#done.at(Math.floor(this.#random() * this.#done.length)) : undefined;
      const chunkBytes = this.#wish.chunkBytes?.(this.#random) ?? 64 * 1024;
      const near = Math.floor(this.#random() * 5) * chunkBytes + Math.floor(this.#random() * 3) - 1;
      const size = this.#random() < 0.1 ? 0 : Math.max(1, near);
      return {
        name: `s${this.#seed}-${i}.bin`,
        bytes: again ?? seededBytes(this.#random, size),
        declaresDigest: again === undefined && this.#random() < 0.5,
        acknowledged: new Set<number>(),
        chunkBytes,
        id: null,
        totalChunks: 0,
      };
    });
  }

  /** True when the server stopped answering because it is dead; what the checks found is thrown on. */
  async #untilAnswered(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof NotStarted) return true;
      throw error;
    }
  }

  /** The oldest first, a few at a time, so that uploads also come to their end between two crashes. */
  #driveAll(): Promise<void> {
    return this.#steadily(() => this.#driveOpen());
  }

  /** Again while somebody is left who can answer. */
  #steadily(work: () => Promise<void>): Promise<void> {
    return this.#survivors === null ? work() : this.#survivors.ask(work);
  }

  async #driveOpen(): Promise<void> {
    const queue = [...this.#open];
    const lanes = Array.from({ length: uploadsAtOnce }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await this.#drive(next);
    });
    const results = await Promise.allSettled(lanes);
    const failed = results.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []));
    const worst = failed.find((error) => !(error instanceof NoAnswer)) ?? failed[0];
    if (worst !== undefined) throw worst;
  }

  async #drive(sending: Sending): Promise<void> {
    if (sending.id === null) await this.#create(sending);
    const status = await this.#status(sending);
    const queue = shuffled(this.#random, [...status.missingChunks, ...this.#duplicates(sending)]);
    const senders = Array.from({ length: connections }, async () => {
      for (let index = queue.pop(); index !== undefined; index = queue.pop()) await this.#send(sending, index);
    });
    const results = await Promise.allSettled(senders);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await this.#complete(sending);
  }

  /** The answer to the creation may have been lost in a crash; then the upload is found by its name. */
  async #create(sending: Sending): Promise<void> {
    const { body: known } = await this.#api.json<{ items: Upload[] }>('GET', `/v1/uploads?filename=${sending.name}`);
    const found = known.items[0];
    const digest = sending.declaresDigest ? { sha256: sha256(sending.bytes) } : {};
    const wish = { filename: sending.name, size: sending.bytes.length, chunkSize: sending.chunkBytes, ...digest };
    const upload = found ?? (await this.#api.json<Upload>('POST', '/v1/uploads', wish)).body;
    this.#check(upload.id !== undefined, `${sending.name} was created: ${JSON.stringify(upload)}`);
    sending.id = upload.id;
    sending.totalChunks = upload.totalChunks;
  }

  async #send(sending: Sending, index: number): Promise<void> {
    const { chunkBytes } = sending;
    const bytes = sending.bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    const digest = Buffer.from(sha256(bytes), 'hex').toString('base64');
    const headers: Record<string, string> = this.#random() < 0.3 ? { 'content-digest': `sha-256=:${digest}:` } : {};
    const { status, body } = await this.#api.put<ChunkReceipt & Problem>(
      `/v1/uploads/${sending.id}/chunks/${index}`,
      bytes,
      headers,
    );
    if (status === 200) {
      this.#check(
        !sending.acknowledged.has(index) || body.duplicate,
        `${sending.name}: an acknowledged chunk is known as a duplicate`,
      );
      if (body.duplicate) this.report.duplicates += 1;
      sending.acknowledged.add(index);
      this.report.acknowledged += 1;
      return;
    }
    // All bytes are here: the receipt of this one was lost in a crash, or it was sent a second time.
    const finished =
      body.code === 'upload-finishing' || (body.code === 'upload-closed' && body.details?.['state'] === 'completed');
    this.#check(finished, `${sending.name}: chunk ${index} was answered with ${status} ${body.code}: ${body.detail}`);
  }

  async #complete(sending: Sending): Promise<void> {
    const { status, body } = await this.#api.json<Upload & Problem>(
      'POST',
      `/v1/uploads/${sending.id}/complete?wait=30`,
    );
    const digest = sha256(sending.bytes);
    this.#check(
      status === 200 && body.state === 'completed',
      `${sending.name} completes: ${status} ${JSON.stringify(body)}`,
    );
    this.#check(body.sha256 === digest, `${sending.name} has the right digest`);
    const content = await this.#api.bytes(`/v1/assets/${digest}/content`);
    this.#check(content.equals(sending.bytes), `${sending.name} has the right content`);
    const { body: log } = await this.#api.json<{ items: LogEvent[] }>(
      'GET',
      `/v1/uploads/${sending.id}/events?limit=1000`,
    );
    const types = log.items.map((event) => event.type);
    this.#check(
      log.items.every((event, i) => event.seq === i + 1),
      `${sending.name}: the log has no gaps: ${JSON.stringify(log.items.map((e) => e.seq))}`,
    );
    // Content that the principal already owns completes by its digest alone.
    const instant = sending.declaresDigest && types.join() === 'created,completed';
    for (const once of instant ? [] : ['created', 'validating', 'completed'])
      this.#check(
        types.filter((type) => type === once).length === 1,
        `${sending.name}: exactly one ${once} in ${types.join(', ')}`,
      );
    this.#check(!types.includes('bytes-dropped'), `${sending.name}: no bytes were dropped`);
    this.#open = this.#open.filter((one) => one !== sending);
    if (this.#done.length < 20) this.#done.push(sending.bytes);
    this.arrived.add(digest);
    this.report.completed += 1;
  }

  /** After a crash: everything that was acknowledged is there. */
  #checkAll(): Promise<void> {
    return this.#steadily(async () => {
      for (const sending of this.#open) if (sending.id !== null) await this.#status(sending);
    });
  }

  async #status(sending: Sending): Promise<Upload> {
    const { status, body } = await this.#api.json<Upload>('GET', `/v1/uploads/${sending.id}`);
    this.#check(status === 200, `${sending.name} is known: ${status}`);
    const lost = body.missingChunks.filter((index) => sending.acknowledged.has(index));
    this.#check(lost.length === 0, `${sending.name}: acknowledged chunks are reported missing: ${lost.join(', ')}`);
    const missingBytes = body.missing.reduce((sum, range) => sum + range.end - range.start, 0);
    this.#check(body.receivedBytes === (body.size ?? 0) - missingBytes, `${sending.name}: progress is what is stored`);
    return body;
  }

  /** Now and then a chunk that was acknowledged is sent once more. */
  #duplicates(sending: Sending): number[] {
    return [...sending.acknowledged].filter(() => this.#random() < 0.2);
  }

  #check(holds: boolean, what: string): void {
    if (!holds) throw new Error(`seed ${this.#seed}: ${what}`);
  }
}
