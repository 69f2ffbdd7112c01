/** The bytes that the rows of a moved state speak of: assets, artifacts, unfinished uploads. */
import { createReadStream, existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskLayout } from '../blobs/disk/layout.ts';
import type { Artifact } from '../core/ledger.ts';
import type { Extent } from '../core/upload.ts';
import type { Transfer } from '../state/sql/transfer.ts';
import { type ByteTarget, type Moved, moveArtifacts, moveAsset, moveUpload } from '../uploads/move-bytes.ts';

export interface ByteCounts {
  assets: number;
  /** Assets whose bytes stay in watched folders. */
  inPlace: number;
  artifacts: number;
  uploads: number;
  /** Of all of them, what an earlier call had moved. */
  there: number;
}

export interface MigrateBytesOptions {
  /** Data directory of the source. */
  readonly from: string;
  readonly target: ByteTarget;
  stopped(): boolean;
  progress(words: string): void;
}

interface UploadFacts {
  readonly id: string;
  readonly size: number | null;
  readonly intake: 'grid' | 'append';
}

interface ExtentRow {
  readonly offset: number;
  readonly length: number;
  readonly crc32: number;
  readonly sha256: string | null;
  readonly received_at: number;
}

export class MigrateBytes {
  readonly #transfer: Transfer;
  readonly #options: MigrateBytesOptions;
  readonly #layout: DiskLayout;
  readonly #counts: ByteCounts = { assets: 0, inPlace: 0, artifacts: 0, uploads: 0, there: 0 };

  constructor(transfer: Transfer, options: MigrateBytesOptions) {
    this.#transfer = transfer;
    this.#options = options;
    this.#layout = new DiskLayout(options.from);
  }

  /** Null when it was stopped. Rejects with `storage-damaged` that names what is not as it was recorded. */
  async move(): Promise<ByteCounts | null> {
    for (const part of [() => this.#assets(), () => this.#artifacts(), () => this.#uploads()])
      if (!(await part())) return null;
    return this.#counts;
  }

  async #assets(): Promise<boolean> {
    const rows = this.#transfer.ask<{ id: string; size: number; outside: number }>(
      'select id, size, exists (select 1 from outside_assets where asset_id = id) as outside from assets order by id',
    );
    for (const { id, size, outside } of rows) {
      if (this.#options.stopped()) return false;
      const path = this.#layout.assetFile(id);
      if (outside === 1 && !existsSync(path)) {
        this.#counts.inPlace += 1;
        continue;
      }
      this.#count(await moveAsset(this.#options.target, { id, size, path }));
      this.#counts.assets += 1;
      this.#options.progress(`assets: ${this.#counts.assets} of ${rows.length}`);
    }
    return true;
  }

  async #artifacts(): Promise<boolean> {
    const steps = this.#transfer.ask<{ step_key: string }>('select distinct step_key from artifacts order by step_key');
    for (const { step_key: stepKey } of steps) {
      if (this.#options.stopped()) return false;
      const files = this.#transfer
        .ask<{ name: string; content_type: string; size: number; sha256: string }>(
          'select name, content_type, size, sha256 from artifacts where step_key = ? order by name',
          stepKey,
        )
        .map(({ content_type: contentType, ...rest }): Artifact => ({ ...rest, stepKey, contentType }));
      const bring = async ({ name }: Artifact, folder: string) =>
        await copyFile(this.#layout.artifactFile(stepKey, name), join(folder, name));
      this.#count(await moveArtifacts(this.#options.target, stepKey, files, bring));
      this.#counts.artifacts += files.length;
      this.#options.progress(`artifacts: ${this.#counts.artifacts}`);
    }
    return true;
  }

  /** Also parts of concatenations: ended uploads that still have bytes. */
  async #uploads(): Promise<boolean> {
    const rows = this.#transfer.ask<UploadFacts>(
      `select id, size, intake from uploads where storage = 'held' and asset_id is null and state not in ('failed', 'cancelled', 'expired') order by id`,
    );
    for (const upload of rows) {
      if (this.#options.stopped()) return false;
      const path = this.#layout.incomingFile(upload.id);
      if (!existsSync(path)) continue;
      const extents = this.#extents(upload.id);
      const read = ({ offset, length }: Extent) =>
        length === 0 ? emptyBytes() : createReadStream(path, { start: offset, end: offset + length - 1 });
      this.#count(await moveUpload(this.#options.target, { ...upload, extents, read }));
      this.#counts.uploads += 1;
      this.#options.progress(`unfinished uploads: ${this.#counts.uploads}`);
    }
    return true;
  }

  #extents(uploadId: string): Extent[] {
    return this.#transfer
      .ask<ExtentRow>(
        'select "offset", length, crc32, sha256, received_at from extents where upload_id = ? order by "offset"',
        uploadId,
      )
      .map(({ received_at: receivedAt, ...rest }) => ({ ...rest, receivedAt }));
  }

  #count(moved: Moved): void {
    if (moved === 'there') this.#counts.there += 1;
  }
}

async function* emptyBytes(): AsyncGenerator<Uint8Array> {}
