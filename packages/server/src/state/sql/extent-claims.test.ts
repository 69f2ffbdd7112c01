import { afterAll, describe, expect, it } from 'vitest';
import { HoldfastError } from '../../core/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import {
  brokenExtentClaims,
  type Claims,
  extentClaimsSuite,
  registerExtentClaimsSuite,
} from '../../testing/extent-claims-suite.ts';
import { SharedPostgres, sqliteFile, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import { SqlExtentClaims } from './extent-claims.ts';
import { SqliteEngine } from './sqlite.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function shared(open: Promise<Fixture<TwoStates>>): Promise<Fixture<Claims>> {
  const { subject, close } = await open;
  return { subject: { claims: subject.one.claims, other: subject.two.claims }, close };
}

async function inMemory(): Promise<Fixture<Claims>> {
  const claims = new MemoryExtentClaims(systemClock);
  return { subject: { claims, other: claims }, close: async () => {} };
}

registerExtentClaimsSuite('memory', inMemory);
registerExtentClaimsSuite('SQLite', () => shared(twoSqliteStates()));
registerExtentClaimsSuite('PostgreSQL', () => shared(postgres.twoStates()));
registerBroken(extentClaimsSuite('memory', inMemory), brokenExtentClaims);

describe('claims of several processes', () => {
  /** Two processes on one file whose claims are good for a short time. */
  async function shortLived(run: (one: SqlExtentClaims, two: SqlExtentClaims) => Promise<void>): Promise<void> {
    const { file, remove } = await sqliteFile();
    const engine = await SqliteEngine.open(file);
    const open = (holder: string) => new SqlExtentClaims(engine, { clock: systemClock, holder, goodForMs: 200 });
    const [one, two] = [open('one'), open('two')];
    try {
      await run(one, two);
    } finally {
      one.close();
      two.close();
      await engine.close();
      await remove();
    }
  }

  it('can be taken over from a process that died, but only once they have run out', () =>
    shortLived(async (one, two) => {
      const lost = await one.acquire('u', 0, 0);
      // A process that is gone does not renew its claims any more.
      one.close();
      expect(await two.acquire('u', 0, 20)).toBeNull();
      expect(await two.acquire('u', 0, 2_000)).toMatchObject({ forced: true });
      expect(lost?.isValid()).toBe(false);
      // It comes back, and renews what it holds.
      const held = await one.acquire('u', 1, 0);
      expect(await two.acquire('u', 1, 300)).toBeNull();
      expect(held?.isValid()).toBe(true);
      expect(lost?.isValid()).toBe(false);
    }));

  it('that could not be given up while the database was away do not last as long as their process', async () => {
    const { file, remove } = await sqliteFile();
    const engine = await SqliteEngine.open(file);
    let isAway = false;
    const breaking = new Proxy(engine, {
      get(target, name) {
        if (name === 'write' && isAway) return () => Promise.reject(new HoldfastError('unavailable', 'away'));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const open = (on: SqliteEngine, holder: string) =>
      new SqlExtentClaims(on, { clock: systemClock, holder, goodForMs: 300 });
    const [one, two] = [open(breaking, 'one'), open(engine, 'two')];
    const release = await one.acquire('u', 0, 0);
    await one.acquire('u', 1, 0);
    isAway = true;
    await expect(release?.release()).rejects.toMatchObject({ code: 'unavailable' });
    isAway = false;
    expect(await two.acquire('u', 0, 5_000)).not.toBeNull();
    expect(await two.acquire('u', 1, 0)).toBeNull();
    one.close();
    two.close();
    await engine.close();
    await remove();
  });

  it('are renewed for as long as their process lives', () =>
    shortLived(async (one, two) => {
      const release = await one.acquire('u', 0, 0);
      expect(await two.acquire('u', 0, 400)).toBeNull();
      await release?.release();
      expect(await two.acquire('u', 0, 400)).not.toBeNull();
    }));
});
