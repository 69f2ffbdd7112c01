/** Locks in the table `upload_locks`: a row for each upload that is held. The protocol is in `state/leases`. */
import { sql } from 'kysely';
import type { Lease, LockTable, Taken } from '../leases/lease-table.ts';
import { LeasedUploadLocks, type UploadLockOptions } from '../leases/leased-upload-locks.ts';
import { type Dialect, type Engine, first, prepare } from './engine.ts';
import type { UploadLockRow } from './turn-schema.ts';

export class SqlUploadLocks extends LeasedUploadLocks {
  constructor(engine: Engine, options: UploadLockOptions) {
    super(new SqlLockTable(engine, options.process), options);
  }
}

export class SqlLockTable implements LockTable {
  readonly #engine: Engine;
  readonly #process: string;
  readonly #statements: ReturnType<typeof statements>;

  constructor(engine: Engine, process: string) {
    this.#engine = engine;
    this.#process = process;
    this.#statements = statements(engine.dialect);
  }

  take({ place, grant }: Lease<string>, forMs: number): Promise<Taken> {
    const { take, ask } = this.#statements;
    const query = take({ id: place, process: this.#process, grant, forMs });
    return this.#engine.write(async (session) => {
      // A power cut ends the locks with their processes, so nobody waits for a disk.
      session.durable = false;
      const taken = first(await session.rows(query));
      if (taken !== null) return taken.forced === 1 ? 'forced' : 'taken';
      await session.change(ask({ id: place }));
      return 'held';
    });
  }

  async remove(lease: Lease<string>): Promise<void> {
    await this.#change(this.#statements.remove(this.#own(lease)));
  }

  async expire(lease: Lease<string>): Promise<void> {
    await this.#change(this.#statements.expire(this.#own(lease)));
  }

  async renew(leases: readonly Lease<string>[], forMs: number): Promise<readonly number[]> {
    const grants = leases.map(({ grant }) => grant);
    const query = this.#statements.renew({ process: this.#process, grants, forMs });
    const rows = await this.#engine.write((session) => {
      session.durable = false;
      return session.rows(query);
    });
    return rows.map((row) => row.grant_no);
  }

  async hear(leases: readonly Lease<string>[]): Promise<readonly number[]> {
    const rows = await this.#engine.read(this.#statements.wanted({ process: this.#process }));
    const wanted = new Set(rows.map((row) => row.grant_no));
    return leases.map(({ grant }) => grant).filter((grant) => wanted.has(grant));
  }

  #own({ place, grant }: Lease<string>): Own {
    return { id: place, process: this.#process, grant };
  }

  async #change(query: ReturnType<ReturnType<typeof statements>['remove']>): Promise<void> {
    await this.#engine.write((session) => {
      session.durable = false;
      return session.change(query);
    });
  }
}

interface Own {
  readonly id: string;
  readonly process: string;
  readonly grant: number;
}

type Grant = Pick<UploadLockRow, 'grant_no'>;

function statements({ build, now }: Dialect) {
  const until = (forMs: number) => sql<number>`${now} + ${forMs}`;
  return {
    /** No row when somebody has it whose time is not over. */
    take: prepare<Own & { forMs: number }, Pick<UploadLockRow, 'forced'>>((arg) =>
      build
        .insertInto('upload_locks')
        .values({
          upload_id: arg('id'),
          process: arg('process'),
          grant_no: arg('grant'),
          until: until(arg('forMs')),
          asked: 0,
          forced: 0,
        })
        .onConflict((on) =>
          on
            .column('upload_id')
            .doUpdateSet((eb) => ({
              process: eb.ref('excluded.process'),
              grant_no: eb.ref('excluded.grant_no'),
              until: eb.ref('excluded.until'),
              asked: 0,
              forced: 1,
            }))
            .where('upload_locks.until', '<', now),
        )
        .returning('forced'),
    ),

    ask: prepare<{ id: string }, unknown>((arg) =>
      build.updateTable('upload_locks').set({ asked: 1 }).where('upload_id', '=', arg('id')).where('asked', '=', 0),
    ),

    remove: prepare<Own, unknown>((arg) =>
      build
        .deleteFrom('upload_locks')
        .where('upload_id', '=', arg('id'))
        .where('process', '=', arg('process'))
        .where('grant_no', '=', arg('grant')),
    ),

    expire: prepare<Own, unknown>((arg) =>
      build
        .updateTable('upload_locks')
        .set({ until: 0 })
        .where('upload_id', '=', arg('id'))
        .where('process', '=', arg('process'))
        .where('grant_no', '=', arg('grant')),
    ),

    wanted: prepare<{ process: string }, Grant>((arg) =>
      build.selectFrom('upload_locks').select('grant_no').where('process', '=', arg('process')).where('asked', '=', 1),
    ),

    /** Seldom, and of any number: compiled each time. Rows that have run out may be somebody else's soon. */
    renew: ({ process, grants, forMs }: { process: string; grants: readonly number[]; forMs: number }) =>
      build
        .updateTable('upload_locks')
        .set({ until: until(forMs) })
        .where('process', '=', process)
        .where('grant_no', 'in', [...grants])
        .where('until', '>=', now)
        .returning('grant_no')
        .compile(),
  };
}
