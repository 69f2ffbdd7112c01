import { afterAll } from 'vitest';
import { brokenLedgerStores } from '../../testing/broken-ledger-stores.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import type { Ledgers } from '../../testing/ledger-store-subject.ts';
import { ledgerStoreSuite, registerLedgerStoreSuite } from '../../testing/ledger-store-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function ledgers(open: Promise<Fixture<TwoStates>>): Promise<Fixture<Ledgers>> {
  const { subject, close } = await open;
  const { ledger, control, questions, uploads } = subject.one;
  return { subject: { ledger, control, questions, uploads, other: subject.two.ledger }, close };
}

registerLedgerStoreSuite('SQLite', () => ledgers(twoSqliteStates()));
registerLedgerStoreSuite('PostgreSQL', () => ledgers(postgres.twoStates()));
registerBroken(
  ledgerStoreSuite('SQLite', () => ledgers(twoSqliteStates())),
  brokenLedgerStores,
);
