/** The upload service over real stores in a folder, without HTTP: as often as wanted on one folder, as several processes would. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileIo } from '../src/blobs/disk/file-io.ts';
import { openDiskBlobs } from '../src/blobs/disk/open.ts';
import type { Creation } from '../src/core/creation.ts';
import { defaultLimits, type Limits } from '../src/core/limits.ts';
import type { ArtifactStore } from '../src/core/ports/artifact-store.ts';
import { type CrashPoints, noCrashPoints } from '../src/core/ports/crash-points.ts';
import { openGate } from '../src/core/ports/creation-gate.ts';
import type { LedgerStore } from '../src/core/ports/ledger-store.ts';
import { silentLog } from '../src/core/ports/log.ts';
import { noTracing } from '../src/core/ports/tracing.ts';
import type { Upload } from '../src/core/upload.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { uuidv7 } from '../src/platform/uuidv7.ts';
import { Keys } from '../src/state/redis/keys.ts';
import { RedisLink } from '../src/state/redis/link.ts';
import { openRedisState } from '../src/state/redis/open.ts';
import { RedisUploadLocks } from '../src/state/redis/upload-locks.ts';
import type { Engine } from '../src/state/sql/engine.ts';
import { SqlExtentClaims } from '../src/state/sql/extent-claims.ts';
import { openPostgresState, openSqliteState, type State } from '../src/state/sql/open.ts';
import { PostgresEngine } from '../src/state/sql/postgres.ts';
import { SqliteEngine } from '../src/state/sql/sqlite.ts';
import { SqlUploadLocks } from '../src/state/sql/upload-locks.ts';
import { bodyOf, type TestBody } from '../src/testing/body.ts';
import type { AppendReceipt } from '../src/uploads/append.ts';
import type { AppendDelivery } from '../src/uploads/append-checks.ts';
import { ContentTurns } from '../src/uploads/content-turns.ts';
import type { UploadDependencies } from '../src/uploads/dependencies.ts';
import { UploadService } from '../src/uploads/service.ts';

export const principal = 'somebody';

export interface AppendNodeWish {
  readonly dir: string;
  readonly io?: FileIo;
  readonly limits?: Partial<Limits>;
  readonly crash?: CrashPoints;
  /** State in this database; without it in an SQLite file in the folder. */
  readonly postgresUrl?: string;
  /** Uploads in Redis, beside that state. */
  readonly redis?: RedisKeys;
  /** Default: `committed`. */
  readonly durability?: 'synced' | 'committed';
  /** How long its locks outlive it. */
  readonly locksGoodForMs?: number;
  /** How long its claims of chunks outlive it; with uploads in SQL. */
  readonly claimsGoodForMs?: number;
  /** What it has in the place of what is in the folder. */
  readonly instead?: (deps: UploadDependencies) => Partial<UploadDependencies>;
}

export interface RedisKeys {
  readonly url: string;
  readonly prefix: string;
}

interface Parts {
  readonly ledger: LedgerStore;
  readonly artifacts: ArtifactStore;
  close(): Promise<void>;
  freeze(): void;
}

export class AppendNode {
  readonly service: UploadService;
  readonly deps: UploadDependencies;
  readonly ledger: LedgerStore;
  readonly artifacts: ArtifactStore;
  readonly #close: () => Promise<void>;
  readonly #freeze: () => void;

  private constructor(deps: UploadDependencies, parts: Parts) {
    this.deps = deps;
    this.ledger = parts.ledger;
    this.artifacts = parts.artifacts;
    this.service = new UploadService(deps);
    this.#close = parts.close;
    this.#freeze = parts.freeze;
  }

  static async open(wish: AppendNodeWish): Promise<AppendNode> {
    const name = uuidv7();
    const { state: ledger, engine } = await openState(wish, name);
    const goodFor = wish.locksGoodForMs === undefined ? {} : { goodForMs: wish.locksGoodForMs };
    const lockOptions = { clock: systemClock, process: name, ...goodFor };
    const beside = wish.redis && (await inRedis(wish.redis, ledger, lockOptions));
    const { state, locks } = beside ?? { state: ledger, locks: new SqlUploadLocks(engine, lockOptions) };
    const claimsGoodFor = wish.claimsGoodForMs === undefined ? {} : { goodForMs: wish.claimsGoodForMs };
    const claims = new SqlExtentClaims(engine, { clock: systemClock, holder: name, ...claimsGoodFor });
    const io = wish.io === undefined ? {} : { io: wish.io };
    const disk = await openDiskBlobs({
      dir: wish.dir,
      scratch: join(wish.dir, 'places', name),
      durability: wish.durability ?? 'committed',
      reserveBytes: 0,
      hashWorkers: 1,
      ...io,
    });
    const deps: UploadDependencies = {
      store: state.uploads,
      blobs: disk.blobs,
      claims: beside ? state.claims : claims,
      locks,
      contents: new ContentTurns(locks),
      deletions: state.deletions,
      clock: systemClock,
      limits: { ...defaultLimits, ...wish.limits },
      log: silentLog,
      observer: { created() {}, receipt() {}, ended() {}, finished() {}, dropped() {} },
      crash: wish.crash ?? noCrashPoints,
      holder: name,
      newId: uuidv7,
      planRuns: () => [],
      creationGate: openGate,
      tracing: noTracing,
      tokens: state.tokens,
      allowedTypes: null,
      sniffType: async () => null,
    };
    const node = new AppendNode(
      { ...deps, ...wish.instead?.(deps) },
      {
        ledger: state.ledger,
        artifacts: disk.artifacts,
        freeze: () => {
          locks.close();
          claims.close();
        },
        close: async () => {
          await node.service.concatenations.idle();
          await node.service.finisher.idle();
          locks.close();
          claims.close();
          await disk.blobs.close();
          await state.close();
          beside?.link.close();
          await engine.close();
        },
      },
    );
    return node;
  }

  async create(wish: Partial<Creation> = {}): Promise<Upload> {
    const { upload } = await this.service.create({
      principal,
      protocol: 'test',
      filename: 'f',
      size: null,
      intake: 'append',
      ...wish,
    });
    return upload;
  }

  append(
    uploadId: string,
    offset: number,
    given: Uint8Array | TestBody,
    more: Partial<AppendDelivery> = {},
  ): Promise<AppendReceipt> {
    const body = given instanceof Uint8Array ? bodyOf(given, { batchBytes: 64 * 1024 }) : given;
    const declaredLength = given instanceof Uint8Array ? given.byteLength : null;
    const delivery = { uploadId, principal, offset, declaredLength, size: null, digest: null, end: false, body };
    return this.service.append({ ...delivery, ...more });
  }

  async find(id: string): Promise<Upload> {
    return await this.service.find({ id, principal });
  }

  /** The upload once it has ended. */
  async ended(id: string): Promise<Upload> {
    const { upload } = await this.service.complete({ id, principal }, 20_000);
    return upload;
  }

  /** As a process that is stopped: its locks and claims are not renewed any more. */
  freeze(): void {
    this.#freeze();
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

/** The state, and one more connection to it for locks that run out when a test wants it. */
async function openState(
  { dir, postgresUrl }: AppendNodeWish,
  name: string,
): Promise<{ state: State; engine: Engine }> {
  if (postgresUrl !== undefined) {
    const options = { url: postgresUrl, clock: systemClock, connectionsMax: 4, statementTimeoutMs: 15_000 };
    const state = await openPostgresState({ ...options, holder: name });
    return { state, engine: await PostgresEngine.open(options) };
  }
  const file = join(dir, 'state.db');
  const state = await openSqliteState({ file, clock: systemClock, sharedAs: name });
  return { state, engine: await SqliteEngine.open(file) };
}

/** Uploads in Redis, and one more connection to it for locks that run out when a test wants it. */
async function inRedis(
  { url, prefix }: RedisKeys,
  ledger: State,
  lockOptions: ConstructorParameters<typeof RedisUploadLocks>[2],
): Promise<{ state: State; locks: RedisUploadLocks; link: RedisLink }> {
  const options = { url, prefix, ledger, clock: systemClock, log: silentLog, random: Math.random };
  const state = await openRedisState({ ...options, durability: 'committed', process: lockOptions.process });
  const link = new RedisLink(options);
  await link.ready();
  return { state, locks: new RedisUploadLocks(link, new Keys(prefix), lockOptions), link };
}

/** A folder and what was opened on it; all closed and removed at the end. */
export class AppendFolder {
  readonly dir: string;
  readonly #nodes: AppendNode[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<AppendFolder> {
    return new AppendFolder(await mkdtemp(join(tmpdir(), 'holdfast-append-')));
  }

  async open(wish: Omit<AppendNodeWish, 'dir'> = {}): Promise<AppendNode> {
    const node = await AppendNode.open({ dir: this.dir, ...wish });
    this.#nodes.push(node);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
