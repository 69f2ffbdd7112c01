/** What the run saw working: protocol × client × feature, and its table in docs/clients.md. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';

const document = new URL('../../docs/clients.md', import.meta.url);
const begin = '<!-- matrix: written by test/e2e/clients.test.ts -->';
const end = '<!-- end of the matrix -->';

/** In the order of the columns. */
export const features = [
  'whole',
  'chunks',
  'parallel',
  'with creation',
  'length later',
  'override',
  'goes on',
  'checksum',
  'cancel',
  'other origin',
] as const;
export type Feature = (typeof features)[number];

export interface Row {
  readonly protocol: string;
  readonly client: string;
  /** What this client can do in this protocol: all of it has to be seen, and nothing else is listed. */
  readonly can: readonly Feature[];
}

export class ClientMatrix {
  readonly #rows: readonly Row[];
  readonly #passed = new Map<Row, Set<Feature>>();

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Called after everything about it was asserted. */
  passed(row: Row, ...seen: readonly Feature[]): void {
    const cells = this.#passed.get(row) ?? new Set();
    for (const feature of seen) {
      if (!row.can.includes(feature)) throw new Error(`${row.client} (${row.protocol}) is not listed with ${feature}.`);
      cells.add(feature);
    }
    this.#passed.set(row, cells);
  }

  /** Cells of which this run has seen nothing. */
  get open(): string[] {
    return this.#rows.flatMap((row) =>
      row.can
        .filter((feature) => !this.#passed.get(row)?.has(feature))
        .map((feature) => `${row.protocol} · ${row.client} · ${feature}`),
    );
  }

  /** Compares the document with what was seen; with UPDATE_DOCS=1 writes it there instead. */
  async expectInDocument(): Promise<void> {
    const text = await readFile(document, 'utf8');
    const [head, rest] = text.split(begin);
    const [table, tail] = (rest ?? '').split(end);
    if (head === undefined || table === undefined || tail === undefined) throw new Error('No matrix in the document.');
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(document, `${head}${begin}\n${this.#table()}${end}${tail}`);
    else expect(table.trimStart()).toBe(this.#table());
  }

  #table(): string {
    const lines = this.#rows.map((row) => {
      const cells = features.map((feature) =>
        this.#passed.get(row)?.has(feature) ? '✓' : row.can.includes(feature) ? 'not run' : '',
      );
      return [row.protocol, row.client, ...cells];
    });
    const head = ['protocol', 'client', ...features];
    return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  }
}
