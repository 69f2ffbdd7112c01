/** Claims in the table `extent_claims`: a row for each place that is held. The protocol is in `state/leases`. */
import { type CompiledQuery, sql } from 'kysely';
import type { ClaimPlace, ClaimTable, Lease, Taken } from '../leases/lease-table.ts';
import { type ExtentClaimOptions, LeasedExtentClaims } from '../leases/leased-extent-claims.ts';
import { type Dialect, type Engine, first, prepare, type Session } from './engine.ts';
import type { ExtentClaimRow } from './turn-schema.ts';

/** In one statement: SQLite takes expressions that are 1,000 deep, and each place is one. */
const placesMax = 500;

export class SqlExtentClaims extends LeasedExtentClaims {
  constructor(engine: Engine, options: ExtentClaimOptions) {
    super(new SqlClaimTable(engine, options.holder), options);
  }
}

export class SqlClaimTable implements ClaimTable {
  readonly #engine: Engine;
  readonly #holder: string;
  readonly #statements: ReturnType<typeof statements>;

  constructor(engine: Engine, holder: string) {
    this.#engine = engine;
    this.#holder = holder;
    this.#statements = statements(engine.dialect);
  }

  async take({ place }: Lease<ClaimPlace>, forMs: number): Promise<Taken> {
    const query = this.#statements.take({ ...this.#own(place), forMs });
    const taken = first(await this.#write((session) => session.rows(query)));
    if (taken === null) return 'held';
    return taken.forced === 1 ? 'forced' : 'taken';
  }

  async remove({ place }: Lease<ClaimPlace>): Promise<void> {
    await this.#write((session) => session.change(this.#statements.remove(this.#own(place))));
  }

  async renew(leases: readonly Lease<ClaimPlace>[], forMs: number): Promise<readonly number[]> {
    const places = leases.map(({ place }) => place);
    const renewed = await this.#write(async (session) => {
      const names = new Set<string>();
      for (let start = 0; start < places.length; start += placesMax) {
        const some = places.slice(start, start + placesMax);
        const rows = await session.rows(this.#statements.renew({ holder: this.#holder, places: some, forMs }));
        for (const row of rows) names.add(`${row.upload_id}/${row.offset}`);
      }
      return names;
    });
    return leases.filter(({ place }) => renewed.has(`${place.uploadId}/${place.offset}`)).map(({ grant }) => grant);
  }

  #own({ uploadId, offset }: ClaimPlace): Own {
    return { id: uploadId, offset, holder: this.#holder };
  }

  /** A power cut ends the claims with their processes, so nobody waits for a disk. */
  #write<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#engine.write((session) => {
      session.durable = false;
      return work(session);
    });
  }
}

interface Own {
  readonly id: string;
  readonly offset: number;
  readonly holder: string;
}

interface Renewal {
  readonly holder: string;
  readonly places: readonly ClaimPlace[];
  readonly forMs: number;
}

function statements({ build, now }: Dialect) {
  const until = (forMs: number) => sql<number>`${now} + ${forMs}`;
  return {
    /** No row when somebody else has it whose time is not over. A row of its own stays what it was: the answer that said `forced` may have been lost. */
    take: prepare<Own & { forMs: number }, Pick<ExtentClaimRow, 'forced'>>((arg) =>
      build
        .insertInto('extent_claims')
        .values({
          upload_id: arg('id'),
          offset: arg('offset'),
          holder: arg('holder'),
          until: until(arg('forMs')),
          forced: 0,
        })
        .onConflict((on) =>
          on
            .columns(['upload_id', 'offset'])
            .doUpdateSet((eb) => ({
              holder: eb.ref('excluded.holder'),
              until: eb.ref('excluded.until'),
              forced: eb
                .case()
                .when('extent_claims.holder', '=', eb.ref('excluded.holder'))
                .then(eb.ref('extent_claims.forced'))
                .else(1)
                .end(),
            }))
            .where((eb) =>
              eb.or([eb('extent_claims.holder', '=', eb.ref('excluded.holder')), eb('extent_claims.until', '<', now)]),
            ),
        )
        .returning('forced'),
    ),

    remove: prepare<Own, unknown>((arg) =>
      build
        .deleteFrom('extent_claims')
        .where('upload_id', '=', arg('id'))
        .where('offset', '=', arg('offset'))
        .where('holder', '=', arg('holder')),
    ),

    /** Seldom, and of any number: compiled each time. */
    renew: ({ holder, places, forMs }: Renewal): CompiledQuery<Pick<ExtentClaimRow, 'upload_id' | 'offset'>> =>
      build
        .updateTable('extent_claims')
        .set({ until: until(forMs) })
        .where('holder', '=', holder)
        .where((eb) => eb.or(places.map(({ uploadId, offset }) => eb.and({ upload_id: uploadId, offset }))))
        .returning(['upload_id', 'offset'])
        .compile(),
  };
}
