import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import { brokenPartMaps, type PartMaps, partMapSuite } from '../../testing/part-map-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function maps(open: Promise<Fixture<TwoStates>>): Promise<Fixture<PartMaps>> {
  const { subject, close } = await open;
  return { subject: { one: subject.one.partMap, two: subject.two.partMap }, close };
}

const sqlite = partMapSuite('SQLite', () => maps(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(partMapSuite('PostgreSQL', () => maps(postgres.twoStates())));
registerBroken(sqlite, brokenPartMaps);
