/** Opens a state store: the two ways in for the composition root and for tests. */
import type { Clock } from '../../core/ports/clock.ts';
import type { DeletionStore } from '../../core/ports/deletion-store.ts';
import type { DueSteps } from '../../core/ports/due-steps.ts';
import type { ExtentClaims } from '../../core/ports/extent-claims.ts';
import type { LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { LibraryStore } from '../../core/ports/library-store.ts';
import type { Leases, NodeRegistry } from '../../core/ports/node-registry.ts';
import type { PartMap } from '../../core/ports/part-map.ts';
import type { RecordingStore } from '../../core/ports/recording-store.ts';
import type { RunControl } from '../../core/ports/run-control.ts';
import type { RunQuestions } from '../../core/ports/run-questions.ts';
import type { SearchStore } from '../../core/ports/search-store.ts';
import type { SessionStore } from '../../core/ports/session-store.ts';
import type { UploadLocks } from '../../core/ports/upload-locks.ts';
import type { UploadStore } from '../../core/ports/upload-store.ts';
import type { UploadTokenStore } from '../../core/ports/upload-token-store.ts';
import type { WatchStore } from '../../core/ports/watch-store.ts';
import type { WebhookStore } from '../../core/ports/webhook-store.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import { MemoryUploadLocks } from '../memory/upload-locks.ts';
import { endTurnsOf } from './dead-processes.ts';
import { SqlDeletionStore } from './deletions.ts';
import type { Engine } from './engine.ts';
import { SqlExtentClaims } from './extent-claims.ts';
import { SqlLedgerInbox } from './ledger-inbox.ts';
import { SqlLedgerStore } from './ledger-store.ts';
import { SqlLibraryStore } from './library.ts';
import { SqlLeases, SqlNodeRegistry } from './node-registry.ts';
import { SqlPartMap } from './part-map.ts';
import { PostgresEngine } from './postgres.ts';
import { SqlRecordingStore } from './recordings.ts';
import { SqlRunControl } from './run-control.ts';
import { SqlRunQuestions } from './run-questions.ts';
import { SqlSearchStore } from './search-store.ts';
import { SqlSessionStore } from './sessions.ts';
import { SqliteEngine } from './sqlite.ts';
import { SqlUploadLocks } from './upload-locks.ts';
import { type ReceiptDurability, SqlUploadStore } from './upload-store.ts';
import { SqlUploadTokenStore } from './upload-tokens.ts';
import { SqlWatchStore } from './watch-store.ts';
import { SqlWebhookStore } from './webhook-store.ts';

/** Everything that is kept in one database. */
export interface State extends AsyncDisposable {
  readonly uploads: UploadStore;
  readonly ledger: LedgerStore;
  /** For uploads that are kept elsewhere, see `state/redis`. */
  readonly inbox: LedgerInbox;
  readonly control: RunControl;
  readonly questions: RunQuestions;
  readonly library: LibraryStore;
  readonly webhooks: WebhookStore;
  readonly recordings: RecordingStore;
  readonly search: SearchStore;
  readonly deletions: DeletionStore;
  readonly claims: ExtentClaims;
  readonly locks: UploadLocks;
  readonly tokens: UploadTokenStore;
  readonly sessions: SessionStore;
  readonly watch: WatchStore;
  readonly nodes: NodeRegistry;
  readonly leases: Leases;
  /** What it is and how it does, in a line for people. Rejects when it does not answer. */
  describe(): Promise<string>;
  readonly partMap: PartMap;
  /** Finishes what was accepted and lets go of the database. Idempotent. */
  close(): Promise<void>;
}

export interface SqliteStateOptions {
  /** Path of the database file; created when missing. Its directory has to exist. */
  readonly file: string;
  readonly clock: Clock;
  /** Set when several processes share the file and the disk: a name that no other process has or had. */
  readonly sharedAs?: string;
  /** With `sharedAs`: claims and locks of processes whose names begin like this end now, because those are known to be dead. */
  readonly succeeds?: string;
  /** Default `synced`. */
  readonly receipts?: ReceiptDurability;
}

export interface PostgresStateOptions {
  readonly url: string;
  readonly clock: Clock;
  /** A name that no other process on this database has or had. */
  readonly holder: string;
  /** Connections in the pool. Default 10. */
  readonly connectionsMax?: number;
  /** Default 15 s. */
  readonly statementTimeoutMs?: number;
  /** How long work waits for a database that is away. Default 5 s. */
  readonly patienceMs?: number;
  /** How much longer than the server it waits for the end of a statement. Default 5 s. */
  readonly silentMs?: number;
  /** Is told, in the transaction of the state change, which steps have become due. */
  readonly dueSteps?: DueSteps;
}

/** Opens or creates the file. Rejects with `unavailable` when it cannot be used or was written by a newer Holdfast. */
export async function openSqliteState(options: SqliteStateOptions): Promise<State> {
  const { clock, sharedAs, succeeds, receipts = 'synced' } = options;
  const engine = await SqliteEngine.open(options.file);
  if (sharedAs !== undefined && receipts === 'synced') engine.awaitForeignCommits();
  if (sharedAs !== undefined && succeeds !== undefined) await endTurnsOf(engine, succeeds);
  if (sharedAs !== undefined) return assemble(engine, { clock, receipts }, shared(engine, clock, sharedAs));
  const alone = { claims: new MemoryExtentClaims(clock), locks: new MemoryUploadLocks(clock), stop: () => {} };
  return assemble(engine, { clock, receipts }, alone);
}

/** Connects. Rejects with `unavailable` when the server does not answer or its schema was made by a newer Holdfast. */
export async function openPostgresState(options: PostgresStateOptions): Promise<State> {
  const { clock, holder } = options;
  const { connectionsMax = 10, statementTimeoutMs = 15_000 } = options;
  const settings = { ...options, connectionsMax, statementTimeoutMs };
  const engine = await PostgresEngine.open(settings, { process: holder });
  return assemble(engine, { clock, receipts: 'synced' }, shared(engine, clock, holder));
}

/** How requests keep out of each other's way: within one process, or among several. */
interface Turns {
  readonly claims: ExtentClaims;
  readonly locks: UploadLocks;
  stop(): void;
}

function shared(engine: Engine, clock: Clock, process: string): Turns {
  const claims = new SqlExtentClaims(engine, { clock, holder: process });
  const locks = new SqlUploadLocks(engine, { clock, process });
  const stop = (): void => {
    claims.close();
    locks.close();
  };
  return { claims, locks, stop };
}

function assemble(
  engine: Engine,
  { clock, receipts }: { readonly clock: Clock; readonly receipts: ReceiptDurability },
  { claims, locks, stop }: Turns,
): State {
  const uploads = new SqlUploadStore(engine, clock, receipts);
  const close = async (): Promise<void> => {
    uploads.close();
    stop();
    await engine.close();
  };
  return {
    uploads,
    ledger: new SqlLedgerStore(engine),
    inbox: new SqlLedgerInbox(engine),
    control: new SqlRunControl(engine),
    questions: new SqlRunQuestions(engine),
    library: new SqlLibraryStore(engine),
    webhooks: new SqlWebhookStore(engine),
    recordings: new SqlRecordingStore(engine),
    search: new SqlSearchStore(engine),
    deletions: new SqlDeletionStore(engine),
    tokens: new SqlUploadTokenStore(engine),
    sessions: new SqlSessionStore(engine),
    watch: new SqlWatchStore(engine),
    nodes: new SqlNodeRegistry(engine),
    leases: new SqlLeases(engine),
    partMap: new SqlPartMap(engine),
    claims,
    locks,
    describe: () => engine.describe(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
