/**
 * tus uploads and concatenations through a server that dies again and again: each life has one crash point armed and goes on with what is
 * left. The offset may never be below what was acknowledged, nor beyond what was sent, and every file has to arrive.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { ServerProcess } from './server-process.ts';
import type { Arm, Survivors } from './survivors.ts';
import { NoAnswer, seededBytes, seededRandom, sha256 } from './upload-driver.ts';

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** A file as one upload, or in parts that are concatenated. */
interface Sending {
  readonly name: string;
  readonly parts: Part[];
  readonly bytes: Buffer;
  /** The concatenation, or the only part. */
  final: string | null;
}

interface Part {
  readonly bytes: Buffer;
  url: string | null;
  acknowledged: number;
  /** Highest byte that was ever sent. */
  sent: number;
}

class NotStarted extends Error {}

export interface TusCampaignWish {
  /** Of a part, at most. Default: 200,000. */
  readonly bytesMax?: number;
  /** Of a server of several processes, which goes on when one of them dies. */
  readonly survivors?: Survivors;
}

export class TusCampaign {
  readonly crashes = new Map<string, number>();
  completed = 0;
  /** Digests of what has arrived. */
  readonly arrived = new Set<string>();
  readonly #server: ServerProcess;
  readonly #survivors: Survivors | null;
  /** Of a part, at most. */
  readonly #bytesMax: number;
  #open: Sending[] = [];
  #random: () => number = Math.random;
  #seed = 0;

  constructor(server: ServerProcess, wish: TusCampaignWish = {}) {
    this.#server = server;
    this.#survivors = wish.survivors ?? null;
    this.#bytesMax = wish.bytesMax ?? 200_000;
  }

  /** One life of the process: it dies at the `nth` time that it comes by the point; without one, from outside or not at all. */
  async live(seed: number, arm: Arm | null): Promise<void> {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    const died = await this.#untilAnswered(async () => {
      if (this.#survivors !== null && arm !== null) await this.#survivors.arm(arm);
      else {
        await this.#server.kill();
        await this.#run(arm === null ? {} : { HOLDFAST_TEST_CRASH_AT: `${arm.point}:${arm.nth}` });
      }
      this.#open.push(this.#plan(0), this.#plan(1));
      await this.#driveAll();
    });
    const where = arm?.point ?? 'outside';
    if (this.#survivors?.sawDeath() ?? died) this.crashes.set(where, (this.crashes.get(where) ?? 0) + 1);
  }

  /** A last life without a crash point: everything that was begun has to end well. */
  async finish(): Promise<void> {
    await this.#survivors?.disarm();
    await this.#server.restart();
    await this.#driveAll();
    this.#check(this.#open.length === 0, 'all uploads completed');
  }

  async #driveAll(): Promise<void> {
    for (const sending of [...this.#open]) {
      const work = () => this.#drive(sending);
      await (this.#survivors === null ? work() : this.#survivors.ask(work));
    }
  }

  get open(): number {
    return this.#open.length;
  }

  async #run(env: Record<string, string>): Promise<void> {
    try {
      await this.#server.run(env);
    } catch (cause) {
      if ((await this.#server.exit).signal === 'SIGKILL') throw new NotStarted('it died while it started', { cause });
      throw cause;
    }
  }

  async #untilAnswered(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof NotStarted) return true;
      throw error;
    }
  }

  #plan(number: number): Sending {
    const count = this.#random() < 0.5 ? 1 : 2 + Math.floor(this.#random() * 3);
    const parts = Array.from({ length: count }, () => {
      const bytes = seededBytes(this.#random, 1 + Math.floor(this.#random() * this.#bytesMax));
      return { bytes, url: null, acknowledged: 0, sent: 0 };
    });
    const bytes = Buffer.concat(parts.map((part) => part.bytes));
    return { name: `s${this.#seed}-${number}`, parts, bytes, final: null };
  }

  async #drive(sending: Sending): Promise<void> {
    const concatenates = sending.parts.length > 1;
    if (sending.final === null || !concatenates)
      for (const part of sending.parts) await this.#send(sending, part, concatenates);
    sending.final ??= concatenates
      ? await this.#create({ 'upload-concat': `final;${sending.parts.map((part) => part.url).join(' ')}` })
      : (sending.parts[0]?.url ?? null);
    await this.#arrive(sending);
  }

  /** PATCHes of random sizes, from where the server says that it is. */
  async #send(sending: Sending, part: Part, partial: boolean): Promise<void> {
    const concat = partial ? { 'upload-concat': 'partial' } : {};
    part.url ??= await this.#create({ 'upload-length': String(part.bytes.length), ...concat });
    for (let offset = await this.#offset(sending, part); offset < part.bytes.length; ) {
      const end = Math.min(part.bytes.length, offset + 1 + Math.floor(this.#random() * this.#bytesMax * 0.4));
      part.sent = Math.max(part.sent, end);
      const { status, headers } = await this.#request('PATCH', part.url, {
        headers: { 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) },
        body: part.bytes.subarray(offset, end),
      });
      this.#check(status === 204, `${sending.name}: PATCH at ${offset} was answered with ${status}`);
      offset = Number(headers['upload-offset']);
      this.#check(offset === end, `${sending.name}: ${offset} acknowledged of ${end}`);
      part.acknowledged = offset;
    }
  }

  async #offset(sending: Sending, part: Part): Promise<number> {
    const { status, headers } = await this.#request('HEAD', part.url ?? '');
    // A part whose concatenation was created although nobody was told may be gone by now, with all its bytes in it.
    if (status === 410 && sending.parts.length > 1 && part.acknowledged === part.bytes.length) return part.bytes.length;
    this.#check(status === 200, `${sending.name} is known: ${status}`);
    const offset = Number(headers['upload-offset']);
    const { acknowledged, sent } = part;
    this.#check(offset >= acknowledged, `${sending.name}: ${acknowledged} were acknowledged, the offset is ${offset}`);
    this.#check(offset <= sent, `${sending.name}: ${sent} were sent, the offset is ${offset}`);
    return offset;
  }

  async #create(headers: Record<string, string>): Promise<string> {
    const reply = await this.#request('POST', '/files', { headers });
    this.#check(reply.status === 201, `created: ${reply.status}`);
    return reply.headers.location ?? '';
  }

  async #arrive(sending: Sending): Promise<void> {
    for (const deadline = performance.now() + 30_000; ; ) {
      const { status, headers } = await this.#request('HEAD', sending.final ?? '');
      this.#check(status === 200, `${sending.name} is there: ${status}`);
      if (headers['holdfast-upload-state'] === 'completed') {
        const digest = sha256(sending.bytes);
        this.#check(headers['holdfast-asset'] === digest, `${sending.name} has the right digest`);
        this.arrived.add(digest);
        this.#check(headers['upload-offset'] === String(sending.bytes.length), `${sending.name} has the right size`);
        break;
      }
      this.#check(performance.now() < deadline, `${sending.name} completes: ${headers['holdfast-upload-state']}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#open = this.#open.filter((one) => one !== sending);
    this.completed += 1;
  }

  #request(
    method: string,
    path: string,
    given: { headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<Reply> {
    const length = given.body === undefined ? {} : { 'content-length': given.body.byteLength };
    const headers = { 'tus-resumable': '1.0.0', ...length, ...given.headers };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(new NoAnswer(`${method} ${path}`, { cause }));
      const request = httpRequest(this.#server.url + path, { method, headers, agent: false }, (response) => {
        response.resume();
        response.once('error', fail);
        response.once('end', () => {
          const status = response.statusCode ?? 0;
          // Others have not noticed yet who died.
          if (this.#survivors !== null && (status === 423 || status === 503)) fail(status);
          else resolve({ status, headers: response.headers });
        });
      });
      request.on('error', fail);
      request.end(given.body);
    });
  }

  #check(holds: boolean, what: string): void {
    if (!holds) throw new Error(`seed ${this.#seed}: ${what}`);
  }
}
