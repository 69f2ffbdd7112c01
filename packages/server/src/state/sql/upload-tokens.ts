/** Upload tokens in SQLite or PostgreSQL. */
import type { UploadToken } from '../../core/grant.ts';
import { tokenUsed } from '../../core/grant.ts';
import type { UploadTokenStore } from '../../core/ports/upload-token-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { type Dialect, type Engine, first, prepare, type Session } from './engine.ts';
import type { UploadTokenRow } from './schema.ts';

export function uploadTokenQueries({ build: db }: Dialect) {
  return {
    find: prepare<{ digest: string }, UploadTokenRow>((arg) =>
      db.selectFrom('upload_tokens').selectAll().where('digest', '=', arg('digest')),
    ),
    insert: (row: UploadTokenRow) => db.insertInto('upload_tokens').values(row).compile(),
    /** Changes one row or none: the unused token is the condition. */
    consume: (id: string, uploadId: string) =>
      db
        .updateTable('upload_tokens')
        .set({ upload_id: uploadId })
        .where('id', '=', id)
        .where('upload_id', 'is', null)
        .compile(),
    uploadOf: (id: string) => db.selectFrom('upload_tokens').select('upload_id').where('id', '=', id).compile(),
    revoke: (id: string, issuer: string) =>
      db.deleteFrom('upload_tokens').where('id', '=', id).where('issuer', '=', issuer).compile(),
    purge: (before: Millis, limit: number) =>
      db
        .deleteFrom('upload_tokens')
        .where('id', 'in', (some) =>
          some
            .selectFrom('upload_tokens')
            .select('id')
            .where('expires_at', '<', before)
            .orderBy('expires_at')
            .limit(limit),
        )
        .compile(),
  };
}

export class SqlUploadTokenStore implements UploadTokenStore {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof uploadTokenQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = uploadTokenQueries(engine.dialect);
  }

  async issue(token: UploadToken): Promise<void> {
    await this.#engine.write((session) => session.change(this.#queries.insert(tokenToRow(token))));
  }

  async find(digest: Sha256): Promise<UploadToken | null> {
    const row = first(await this.#engine.read(this.#queries.find({ digest })));
    return row === null ? null : rowToToken(row);
  }

  async revoke(tokenId: string, issuer: string): Promise<boolean> {
    return (await this.#engine.write((session) => session.change(this.#queries.revoke(tokenId, issuer)))) > 0;
  }

  purge(expiredBefore: Millis, limit: number): Promise<number> {
    return this.#engine.write((session) => session.change(this.#queries.purge(expiredBefore, limit)));
  }
}

/** Binds the token to the upload. Throws `token-used` when it is bound already, or was revoked meanwhile. */
export async function consumeToken(
  dialect: Dialect,
  session: Session,
  use: { readonly tokenId: string; readonly uploadId: string },
): Promise<void> {
  const queries = uploadTokenQueries(dialect);
  if ((await session.change(queries.consume(use.tokenId, use.uploadId))) > 0) return;
  throw tokenUsed(first(await session.rows(queries.uploadOf(use.tokenId)))?.upload_id ?? null);
}

function tokenToRow(token: UploadToken): UploadTokenRow {
  return {
    id: token.tokenId,
    digest: token.digest,
    principal: token.principal,
    issuer: token.issuer,
    size_max: token.sizeMax,
    types: token.types === null ? null : JSON.stringify(token.types),
    filename: token.filename,
    metadata: JSON.stringify(token.metadata),
    created_at: token.createdAt,
    expires_at: token.expiresAt,
    upload_id: token.uploadId,
  };
}

function rowToToken(row: UploadTokenRow): UploadToken {
  return {
    tokenId: row.id,
    digest: row.digest,
    principal: row.principal,
    issuer: row.issuer,
    sizeMax: row.size_max,
    types: row.types === null ? null : (JSON.parse(row.types) as string[]),
    filename: row.filename,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    uploadId: row.upload_id,
  };
}
