/** The search index in SQLite (FTS5) or PostgreSQL (tsvector). */
import type { Artifact } from '../../core/ledger.ts';
import type { Hit, Outdated, SearchRequest, SearchStore } from '../../core/ports/search-store.ts';
import { type Passage, termsOf } from '../../core/search.ts';
import type { Sha256 } from '../../core/upload.ts';
import { type Engine, first } from './engine.ts';
import { rowToArtifact } from './ledger-rows.ts';
import { type HitRow, searchQueries } from './search-queries.ts';
import type { SearchDocumentRow } from './search-schema.ts';
import { storable } from './storable.ts';

/** Rows of one statement: engines have a limit on parameters. */
const rowsAtOnce = 100;

export class SqlSearchStore implements SearchStore {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof searchQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = searchQueries(engine.dialect);
  }

  async outdated(limit: number): Promise<Outdated[]> {
    const rows = await this.#engine.read(this.#queries.outdated(limit));
    return rows.map((row) => ({ assetId: row.asset_id, wanted: row.wanted }));
  }

  async countOutdated(): Promise<number> {
    return first(await this.#engine.read(this.#queries.countOutdated()))?.count ?? 0;
  }

  async sources(assetId: Sha256): Promise<Artifact[]> {
    const rows = await this.#engine.read(this.#queries.sources(assetId));
    const newest = new Map<string, string>();
    for (const row of rows) if (!newest.has(row.step_name)) newest.set(row.step_name, row.step_key);
    return rows.filter((row) => newest.get(row.step_name) === row.step_key).map(rowToArtifact);
  }

  replace({ assetId, wanted }: Outdated, passages: readonly Passage[]): Promise<'applied' | 'lost'> {
    const documents = passages.map((passage) => documentOf(assetId, passage));
    return this.#engine.write(async (session) => {
      // Rebuilt from the ledger when it is lost, so nobody waits for a sync.
      session.durable = false;
      if ((await session.change(this.#queries.advance(assetId, wanted))) === 0) return 'lost';
      await session.change(this.#queries.remove(assetId));
      const names = await session.rows(this.#queries.names(assetId));
      const rows = [...documents, ...names.map((name) => nameOf(assetId, name))];
      for (let at = 0; at < rows.length; at += rowsAtOnce)
        await session.change(this.#queries.insert(rows.slice(at, at + rowsAtOnce)));
      return 'applied';
    });
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    return (await this.#engine.read(this.#queries.hits(request))).map(rowToHit);
  }

  outdateAll(): Promise<number> {
    return this.#engine.write((session) => session.change(this.#queries.outdateAll()));
  }
}

type NewDocument = Omit<SearchDocumentRow, 'id'>;

function documentOf(assetId: string, { kind, start, end, text, also = '', marks }: Passage): NewDocument {
  const shown = termsOf(text).join(' ');
  const more = termsOf(also).join(' ');
  return {
    asset_id: assetId,
    kind,
    principal: null,
    start_s: start,
    end_s: end,
    text: storable(text),
    marks: JSON.stringify(marks),
    // The raw words again only when they differ, or every word would count twice.
    terms: more === shown || more === '' ? shown : `${shown} ${more}`,
  };
}

function nameOf(assetId: string, { principal, filename }: { principal: string; filename: string }): NewDocument {
  return {
    asset_id: assetId,
    kind: 'name',
    principal,
    start_s: null,
    end_s: null,
    text: filename,
    marks: '[]',
    terms: termsOf(filename).join(' '),
  };
}

function rowToHit(row: HitRow): Hit {
  return {
    assetId: row.asset_id,
    filename: row.filename,
    kind: row.kind,
    start: row.start_s,
    end: row.end_s,
    text: row.text,
    marks: JSON.parse(row.marks) as Passage['marks'],
  };
}
