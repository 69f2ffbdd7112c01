/** Which bytes a snapshot of the state speaks of: what a backup has to have for it. */
import type { Snapshot } from './snapshot.ts';

/** A recorded run of bytes. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

export class SnapshotContents {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Uploads whose bytes are still their own. `size`: null while the client has not said it. */
  uploads(): Promise<{ id: string; size: number | null }[]> {
    return this.#snapshot.rows(
      this.#build
        .selectFrom('uploads')
        .select(['id', 'size'])
        .where('storage', '=', 'held')
        .where('asset_id', 'is', null)
        .where('state', 'not in', ['failed', 'cancelled', 'expired'])
        .compile(),
    );
  }

  extents(uploadId: string): Promise<Piece[]> {
    return this.#snapshot.rows(
      this.#build.selectFrom('extents').select(['offset', 'length']).where('upload_id', '=', uploadId).compile(),
    );
  }

  /** `outside`: where the bytes are that stay in a watched folder, unless the store has them too. */
  assets(): Promise<{ id: string; outside: string | null }[]> {
    return this.#snapshot.rows(
      this.#build
        .selectFrom('assets')
        .leftJoin('outside_assets', 'outside_assets.asset_id', 'assets.id')
        .select(['assets.id as id', 'outside_assets.path as outside'])
        .orderBy('assets.id')
        .compile(),
    );
  }

  /** Digests of uploads that are being finished: their bytes may be an asset already that nothing records yet. */
  async finishing(): Promise<string[]> {
    const rows = await this.#snapshot.rows(
      this.#build
        .selectFrom('uploads')
        .select('digest')
        .where('state', '=', 'assembling')
        .union(
          this.#build
            .selectFrom('uploads')
            .innerJoin('extents', 'extents.upload_id', 'uploads.id')
            .select('extents.sha256 as digest')
            .where('uploads.state', '=', 'validating')
            .whereRef('extents.length', '=', 'uploads.size'),
        )
        .compile(),
    );
    return rows.flatMap((row) => (row.digest === null ? [] : [row.digest]));
  }

  artifacts(): Promise<{ key: string; name: string }[]> {
    return this.#snapshot.rows(
      this.#build
        .selectFrom('artifacts')
        .select(['step_key as key', 'name'])
        .orderBy('step_key')
        .orderBy('name')
        .compile(),
    );
  }

  get #build() {
    return this.#snapshot.dialect.build;
  }
}
