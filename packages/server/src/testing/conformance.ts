/**
 * Conformance suites: what every adapter of a port has to do, as named checks. The same checks run as tests of an adapter and against
 * deliberately broken adapters, which they have to find out.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';

export interface Check<S> {
  /** A sentence about the adapter. */
  readonly name: string;
  /** Rejects when the adapter does not do it. Other checks may have left anything in the store. */
  run(subject: S): Promise<void>;
}

/** What is tested, and how to let go of it. */
export interface Fixture<S> {
  readonly subject: S;
  close(): Promise<void>;
}

export interface Suite<S> {
  /** The adapter's name. */
  readonly name: string;
  readonly checks: readonly Check<S>[];
  /** Called once; the checks share the store. */
  open(): Promise<Fixture<S>>;
  /** Checks that cannot hold for this adapter, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

/** Registers a suite's checks as vitest tests. */
export function registerSuite<S>(suite: Suite<S>): void {
  const unknown = Object.keys(suite.skip ?? {}).filter((name) => !suite.checks.some((check) => check.name === name));
  if (unknown.length > 0) throw new Error(`Not checks: ${unknown.join(', ')}`);
  describe(suite.name, () => {
    let fixture: Fixture<S> | null = null;
    beforeAll(async () => {
      fixture = await suite.open();
    });
    afterAll(async () => {
      await fixture?.close();
    });
    for (const check of suite.checks) {
      const reason = suite.skip?.[check.name];
      const name = reason === undefined ? check.name : `${check.name} (skipped: ${reason})`;
      it.skipIf(reason !== undefined)(name, async () => {
        if (fixture === null) throw new Error('The adapter was not opened.');
        await check.run(fixture.subject);
      });
    }
  });
}

/** An adapter with one obligation broken, and the check that has to find it out. */
export interface BrokenAdapter<S> {
  /** What is wrong with it. */
  readonly name: string;
  readonly caughtBy: string;
  break(subject: S): S;
}

/** Registers a test for each broken adapter: the check that it names has to fail on it, and only because of what was broken. */
export function registerBroken<S>(suite: Suite<S>, broken: readonly BrokenAdapter<S>[]): void {
  describe(`${suite.name}: broken adapters are found out`, () => {
    for (const adapter of broken) {
      it(adapter.name, async () => {
        const check = suite.checks.find((one) => one.name === adapter.caughtBy);
        if (!check) throw new Error(`There is no check "${adapter.caughtBy}".`);
        const fixture = await suite.open();
        try {
          const failure = await failureOf(check, adapter.break(fixture.subject));

          if (failure === null) throw new Error(`"${check.name}" passes on an adapter that ${adapter.name}.`);
        } finally {
          await fixture.close();
        }
      });
    }
  });
}

/** Why the check fails; null when it passes. */
export async function failureOf<S>(check: Check<S>, subject: S): Promise<unknown> {
  try {
    await check.run(subject);
    return null;
  } catch (error) {
    return error ?? new Error('Rejected with nothing.');
  }
}
