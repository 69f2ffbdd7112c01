/** Claims in the table `extent_claims`: a row for each place that is held. The protocol is in `state/leases`. */
import { type CompiledQuery, sql } from 'kysely';
import type { ClaimPlace, ClaimTable, Lease, Taken } from '../leases/lease-table.ts';
import { type ExtentClaimOptions, LeasedExtentClaims } from '../leases/leased-extent-claims.ts';
import { type Dialect, type Engine, prepare, type Session } from './engine.ts';

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

  take({ place }: Lease<ClaimPlace>, forMs: number): Promise<Taken> {
    const { insert, takeOwn, takeRunOut } = this.#statements;
    const mine = { ...this.#own(place), forMs };
    return this.#write(async (session) => {
      if ((await session.change(insert(mine))) > 0 || (await session.change(takeOwn(mine))) > 0) return 'taken';
      return (await session.change(takeRunOut(mine))) > 0 ? 'forced' : 'held';
    });
  }

  async remove({ place }: Lease<ClaimPlace>): Promise<void> {
    await this.#write((session) => session.change(this.#statements.remove(this.#own(place))));
  }

  async renew(leases: readonly Lease<ClaimPlace>[], forMs: number): Promise<readonly number[]> {
    const places = leases.map(({ place }) => place);
    const query = this.#statements.renew({ holder: this.#holder, places, forMs });
    const rows = await this.#write((session) => session.rows(query));
    const renewed = new Set(rows.map((row) => `${row.upload_id}/${row.offset}`));
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
  const take = (own: Own & { forMs: number }) =>
    build
      .updateTable('extent_claims')
      .set({ holder: own.holder, until: until(own.forMs) })
      .where('upload_id', '=', own.id)
      .where('offset', '=', own.offset);
  return {
    insert: prepare<Own & { forMs: number }, unknown>((arg) =>
      build
        .insertInto('extent_claims')
        .values({ upload_id: arg('id'), offset: arg('offset'), holder: arg('holder'), until: until(arg('forMs')) })
        .onConflict((on) => on.columns(['upload_id', 'offset']).doNothing()),
    ),

    takeOwn: prepare<Own & { forMs: number }, unknown>((arg) =>
      take({ id: arg('id'), offset: arg('offset'), holder: arg('holder'), forMs: arg('forMs') }).where(
        'holder',
        '=',
        arg('holder'),
      ),
    ),

    takeRunOut: prepare<Own & { forMs: number }, unknown>((arg) =>
      take({ id: arg('id'), offset: arg('offset'), holder: arg('holder'), forMs: arg('forMs') }).where(
        'until',
        '<',
        now,
      ),
    ),

    remove: prepare<Own, unknown>((arg) =>
      build
        .deleteFrom('extent_claims')
        .where('upload_id', '=', arg('id'))
        .where('offset', '=', arg('offset'))
        .where('holder', '=', arg('holder')),
    ),

    /** Seldom, and of any number: compiled each time. */
    renew: ({ holder, places, forMs }: Renewal): CompiledQuery<ClaimKey> =>
      build
        .updateTable('extent_claims')
        .set({ until: until(forMs) })
        .where('holder', '=', holder)
        .where((eb) => eb.or(places.map(({ uploadId, offset }) => eb.and({ upload_id: uploadId, offset }))))
        .returning(['upload_id', 'offset'])
        .compile(),
  };
}

interface ClaimKey {
  readonly upload_id: string;
  readonly offset: number;
}
