/** How many steps of a class may run at once on all nodes together: decided in the transaction that takes one, so that never more do. */
import { sql } from 'kysely';
import { type Dialect, first, perNumber, prepare, type Session } from './engine.ts';

const isRunning = sql<boolean>`state = 'running'`;

export function runningUpTo(dialect: Dialect) {
  return perNumber((limit) =>
    prepare<{ class: string }, { n: number }>((arg) =>
      dialect.build
        .selectFrom((eb) =>
          eb
            .selectFrom('steps')
            .select(sql<number>`1`.as('one'))
            .where('class', '=', arg('class'))
            .where(isRunning)
            .limit(limit)
            .as('running'),
        )
        .select((eb) => eb.fn.countAll<number>().as('n')),
    ),
  );
}

export class ClassRoom {
  readonly #dialect: Dialect;
  readonly query: ReturnType<typeof runningUpTo>;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.query = runningUpTo(dialect);
  }

  /**
   * Whether one more step of the class may run. Nobody else takes one until the transaction ends. To be asked before the step is locked, and
   * for one class in a transaction: two that wait for each other's class would never end.
   */
  async hasRoom(session: Session, name: string, limit: number | undefined): Promise<boolean> {
    if (limit === undefined) return true;
    const lock = this.#dialect.lockByName?.(`class ${name}`);
    if (lock) await session.rows(lock);
    return (first(await session.rows(this.query(limit)({ class: name })))?.n ?? 0) < limit;
  }
}
