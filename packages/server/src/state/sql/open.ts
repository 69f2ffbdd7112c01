/** Opens a state store: the two ways in for the composition root and for tests. */
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaims } from '../../core/ports/extent-claims.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { UploadStore } from '../../core/ports/upload-store.ts';
import type { UploadTokenStore } from '../../core/ports/upload-token-store.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import type { Engine } from './engine.ts';
import { SqlExtentClaims } from './extent-claims.ts';
import { SqlLedgerStore } from './ledger-store.ts';
import { PostgresEngine } from './postgres.ts';
import { SqliteEngine } from './sqlite.ts';
import { SqlUploadStore } from './upload-store.ts';
import { SqlUploadTokenStore } from './upload-tokens.ts';

/** Everything that is kept in one database. */
export interface State extends AsyncDisposable {
  readonly uploads: UploadStore;
  readonly ledger: LedgerStore;
  readonly claims: ExtentClaims;
  readonly tokens: UploadTokenStore;
  /** Finishes what was accepted and lets go of the database. Idempotent. */
  close(): Promise<void>;
}

export interface SqliteStateOptions {
  /** Path of the database file; created when missing. Its directory has to exist. */
  readonly file: string;
  readonly clock: Clock;
  /** Set when several processes share the file and the disk: a name that no other process has or had. */
  readonly sharedAs?: string;
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
}

/** Opens or creates the file. Rejects with `unavailable` when it cannot be used or was written by a newer Holdfast. */
export async function openSqliteState(options: SqliteStateOptions): Promise<State> {
  const engine = await SqliteEngine.open(options.file);
  if (options.sharedAs === undefined)
    return assemble(engine, { clock: options.clock, claims: new MemoryExtentClaims(options.clock), stop: () => {} });
  const claims = new SqlExtentClaims(engine, { clock: options.clock, holder: options.sharedAs });
  return assemble(engine, { clock: options.clock, claims, stop: () => claims.close() });
}

/** Connects. Rejects with `unavailable` when the server does not answer or its schema was made by a newer Holdfast. */
export async function openPostgresState(options: PostgresStateOptions): Promise<State> {
  const engine = await PostgresEngine.open({
    url: options.url,
    connectionsMax: options.connectionsMax ?? 10,
    statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
  });
  const claims = new SqlExtentClaims(engine, { clock: options.clock, holder: options.holder });
  return assemble(engine, { clock: options.clock, claims, stop: () => claims.close() });
}

function assemble(
  engine: Engine,
  parts: { readonly clock: Clock; readonly claims: ExtentClaims; readonly stop: () => void },
): State {
  const uploads = new SqlUploadStore(engine, parts.clock);
  const close = async (): Promise<void> => {
    uploads.close();
    parts.stop();
    await engine.close();
  };
  return {
    uploads,
    ledger: new SqlLedgerStore(engine),
    claims: parts.claims,
    tokens: new SqlUploadTokenStore(engine),
    close,
    [Symbol.asyncDispose]: close,
  };
}
