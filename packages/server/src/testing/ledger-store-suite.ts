/** The conformance suite of `LedgerStore`. */
import { type Fixture, registerSuite, type Suite } from './conformance.ts';
import { claimChecks } from './ledger-store-claims.ts';
import { controlChecks } from './ledger-store-control.ts';
import { failureChecks } from './ledger-store-failures.ts';
import { lackChecks } from './ledger-store-lacks.ts';
import { questionChecks } from './ledger-store-questions.ts';
import { runChecks } from './ledger-store-runs.ts';
import type { LedgerCheck, Ledgers } from './ledger-store-subject.ts';
import { wantChecks } from './ledger-store-wants.ts';

export const ledgerStoreChecks: readonly LedgerCheck[] = [
  ...runChecks,
  ...claimChecks,
  ...failureChecks,
  ...wantChecks,
  ...controlChecks,
  ...lackChecks,
  ...questionChecks,
];

export function ledgerStoreSuite(name: string, open: () => Promise<Fixture<Ledgers>>): Suite<Ledgers> {
  return { name: `LedgerStore on ${name}`, checks: ledgerStoreChecks, open };
}

/** Registers the suite for an adapter: `open` gives one database, opened twice. */
export function registerLedgerStoreSuite(name: string, open: () => Promise<Fixture<Ledgers>>): void {
  registerSuite(ledgerStoreSuite(name, open));
}
