/** Nodes and leases in SQLite or PostgreSQL: rows with a time until which they are good, on the clock of the database. */
import { sql } from 'kysely';
import type { KnownNode, Lease, Leases, NodeFacts, NodeRegistry, Presence } from '../../core/ports/node-registry.ts';
import { type Engine, first, type Session } from './engine.ts';
import type { NodeRow } from './node-schema.ts';

/** Nodes that have not been seen for so long are forgotten. */
const forgottenMs = 7 * 24 * 3_600_000;

export class SqlNodeRegistry implements NodeRegistry {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  show(node: NodeFacts, goodForMs: number, dead: string | null = null): Promise<Presence> {
    const { build, now } = this.#engine.dialect;
    const until = sql<number>`${now} + ${sql.lit(goodForMs)}`;
    const insert = build
      .insertInto('nodes')
      .values({ ...node, started_at: now, seen_at: now, until })
      .onConflict((on) =>
        on
          .column('name')
          .doUpdateSet((eb) => ({
            process: eb.ref('excluded.process'),
            host: eb.ref('excluded.host'),
            pid: eb.ref('excluded.pid'),
            role: eb.ref('excluded.role'),
            version: eb.ref('excluded.version'),
            started_at: sql<number>`case when nodes.process = excluded.process then nodes.started_at else excluded.started_at end`,
            seen_at: eb.ref('excluded.seen_at'),
            until: eb.ref('excluded.until'),
          }))
          .where((eb) =>
            eb.or([
              eb('nodes.until', '<', now),
              eb('nodes.process', '=', eb.ref('excluded.process')),
              ...(dead === null ? [] : [eb('nodes.process', '=', dead)]),
            ]),
          ),
      )
      .returning('seen_at')
      .compile();
    return this.#engine.write(async (session) => {
      const taken = first(await session.rows(insert));
      if (taken !== null) return { kind: 'present', now: taken.seen_at };
      return await this.#takenBy(session, node.name);
    });
  }

  async leave({ name, process }: Pick<NodeFacts, 'name' | 'process'>): Promise<void> {
    const { build, now } = this.#engine.dialect;
    const own = build.deleteFrom('nodes').where('name', '=', name).where('process', '=', process).compile();
    const forgotten = build
      .deleteFrom('nodes')
      .where('until', '<', sql<number>`${now} - ${sql.lit(forgottenMs)}`)
      .compile();
    await this.#engine.write(async (session) => {
      await session.change(own);
      await session.change(forgotten);
    });
  }

  async living(): Promise<readonly KnownNode[]> {
    const { build, now } = this.#engine.dialect;
    const query = build.selectFrom('nodes').selectAll().where('until', '>=', now).orderBy('name').compile();
    return (await this.#engine.read(query)).map(nodeOf);
  }

  async #takenBy(session: Session, name: string): Promise<Presence> {
    const { build, now } = this.#engine.dialect;
    const query = build.selectFrom('nodes').selectAll().select(now.as('now')).where('name', '=', name).compile();
    const row = first(await session.rows(query));
    // Null: it left between the two statements.
    if (row === null) return { kind: 'taken', by: null, silentMs: 0, freeInMs: 0 };
    const silentMs = Math.max(0, row.now - row.seen_at);
    return { kind: 'taken', by: nodeOf(row), silentMs, freeInMs: Math.max(0, row.until - row.now) };
  }
}

export class SqlLeases implements Leases {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  hold(
    name: string,
    { process, node }: { readonly process: string; readonly node: string },
    goodForMs: number,
  ): Promise<Lease | null> {
    const { build, now } = this.#engine.dialect;
    const until = sql<number>`${now} + ${sql.lit(goodForMs)}`;
    const query = build
      .insertInto('leases')
      .values({ name, process, node, fence: 1, wanted: 0, until })
      .onConflict((on) =>
        on
          .column('name')
          .doUpdateSet((eb) => ({
            process: eb.ref('excluded.process'),
            node: eb.ref('excluded.node'),
            fence: sql<number>`case when leases.process = excluded.process then leases.fence else leases.fence + 1 end`,
            until: eb.ref('excluded.until'),
          }))
          .where((eb) => eb.or([eb('leases.until', '<', now), eb('leases.process', '=', eb.ref('excluded.process'))])),
      )
      .returning(['fence', 'wanted'])
      .compile();
    return this.#engine.write(async (session) => first(await session.rows(query)));
  }

  async release(name: string, process: string): Promise<void> {
    const query = this.#engine.dialect.build
      .updateTable('leases')
      .set({ until: 0 })
      .where('name', '=', name)
      .where('process', '=', process)
      .compile();
    await this.#engine.write((session) => session.change(query));
  }

  async want(name: string): Promise<void> {
    const query = this.#engine.dialect.build
      .updateTable('leases')
      .set((eb) => ({ wanted: eb('wanted', '+', 1) }))
      .where('name', '=', name)
      .compile();
    await this.#engine.write((session) => session.change(query));
  }

  async holder(name: string): Promise<string | null> {
    const { build, now } = this.#engine.dialect;
    const query = build
      .selectFrom('leases')
      .select('node')
      .where('name', '=', name)
      .where('until', '>=', now)
      .compile();
    return first(await this.#engine.read(query))?.node ?? null;
  }
}

function nodeOf(row: NodeRow): KnownNode {
  const { name, process, host, pid, role, version } = row;
  return { name, process, host, pid, role, version, startedAt: row.started_at, seenAt: row.seen_at };
}
