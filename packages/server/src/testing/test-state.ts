/** Fresh databases for tests of stores: an SQLite file in a directory of its own, or a new database on a PostgreSQL server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { systemClock } from '../platform/system-clock.ts';
import { openPostgresState, openSqliteState, type State } from '../state/sql/open.ts';
import type { Fixture } from './conformance.ts';
import { createDatabaseOn, startPostgres, type TestPostgres } from './postgres.ts';
import { unique } from './sample-upload.ts';

/** The same database opened twice, as two processes would. */
export interface TwoStates {
  readonly one: State;
  readonly two: State;
}

export async function sqliteFile(): Promise<{ readonly file: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  return { file: join(directory, 'state.db'), remove: () => rm(directory, { recursive: true, force: true }) };
}

export async function twoSqliteStates(): Promise<Fixture<TwoStates>> {
  const { file, remove } = await sqliteFile();
  const open = () => openSqliteState({ file, clock: systemClock, sharedAs: unique('process') });
  return fixtureOf({ one: await open(), two: await open() }, remove);
}

/** A PostgreSQL server: the one that vitest's global setup started, or one of its own, started when it is first needed. */
export class SharedPostgres {
  #own: Promise<TestPostgres> | null = null;

  async createDatabase(): Promise<string> {
    const provided = inject('postgresUrl');
    if (provided) return createDatabaseOn(provided);
    this.#own ??= startPostgres();
    return (await this.#own).createDatabase();
  }

  async twoStates(): Promise<Fixture<TwoStates>> {
    const url = await this.createDatabase();
    const open = () => openPostgresState({ url, clock: systemClock, holder: unique('process'), connectionsMax: 8 });
    return fixtureOf({ one: await open(), two: await open() }, async () => {});
  }

  async stop(): Promise<void> {
    await (await this.#own)?.stop();
  }
}

function fixtureOf(states: TwoStates, remove: () => Promise<void>): Fixture<TwoStates> {
  return {
    subject: states,
    close: async () => {
      await states.one.close();
      await states.two.close();
      await remove();
    },
  };
}
