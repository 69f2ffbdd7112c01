/** Sessions that somebody signed out of, in SQLite or PostgreSQL: a name each among the notes, with the time until which it matters. */
import type { EndedSession, SessionStore } from '../../core/ports/session-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { type Dialect, type Engine, first, prepare } from './engine.ts';

const prefix = 'signed-out ';

function sessionQueries({ build: db }: Dialect) {
  return {
    find: prepare<{ name: string }, { value: number }>((arg) =>
      db.selectFrom('meta').select('value').where('name', '=', arg('name')),
    ),
    insert: (name: string, value: Millis) =>
      db
        .insertInto('meta')
        .values({ name, value })
        .onConflict((on) => on.doNothing())
        .compile(),
    purge: (now: Millis) =>
      db.deleteFrom('meta').where('name', 'like', `${prefix}%`).where('value', '<', now).compile(),
  };
}

export class SqlSessionStore implements SessionStore {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof sessionQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = sessionQueries(engine.dialect);
  }

  end({ digest, endsAt }: EndedSession, now: Millis): Promise<void> {
    return this.#engine.write(async (session) => {
      await session.change(this.#queries.purge(now));
      await session.change(this.#queries.insert(`${prefix}${digest}`, endsAt));
    });
  }

  async isEnded(digest: Sha256): Promise<boolean> {
    return first(await this.#engine.read(this.#queries.find({ name: `${prefix}${digest}` }))) !== null;
  }
}
