/** E1: who lives, who has a name, who looks after what: on both engines, from two processes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fixture } from '../../testing/conformance.ts';
import { unique } from '../../testing/sample-upload.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

const node = (name: string, process = unique('process')) => ({
  ...{ name, process, host: 'h', pid: 1, role: 'all', version: '1' },
});
const long = 60_000;
/** Over before anybody can ask again. */
const over = -1;

describe.each([
  ['sqlite', () => twoSqliteStates()],
  ['postgres', () => postgres.twoStates()],
])('%s', (_, open) => {
  let fixture: Fixture<TwoStates>;
  let one: TwoStates['one'];
  let two: TwoStates['two'];
  beforeAll(async () => {
    fixture = await open();
    ({ one, two } = fixture.subject);
  });
  afterAll(() => fixture.close());

  it('a name is one process’s, which keeps it by showing itself', async () => {
    const mine = node(unique('n'));
    expect(await one.nodes.show(mine, long)).toMatchObject({ kind: 'present', now: expect.any(Number) });
    expect(await one.nodes.show(mine, long)).toMatchObject({ kind: 'present' });
    const other = await two.nodes.show(node(mine.name), long);
    expect(other).toMatchObject({ kind: 'taken', by: { name: mine.name, process: mine.process } });
    expect(other.kind === 'taken' && other.freeInMs > long / 2).toBe(true);
  });

  it('a name is free when its time has run out, when it was given up, and when its process is known to have ended', async () => {
    for (const end of ['run out', 'left', 'known dead']) {
      const before = node(unique('n'));
      await one.nodes.show(before, end === 'run out' ? over : long);
      if (end === 'left') await one.nodes.leave(before);
      const after = node(before.name);
      const shown = await two.nodes.show(after, long, end === 'known dead' ? before.process : null);
      expect({ end, kind: shown.kind }).toEqual({ end, kind: 'present' });
      // The one before comes back (SIGCONT) and hears that the name is not its own any more; it cannot give it up either.
      expect(await one.nodes.show(before, long)).toMatchObject({ kind: 'taken', by: { process: after.process } });
      await one.nodes.leave(before);
      expect((await one.nodes.living()).map((known) => known.process)).toContain(after.process);
    }
  });

  it('of many that ask for a name at once, one gets it', async () => {
    const name = unique('n');
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_one, i) => (i % 2 === 0 ? one : two).nodes.show(node(name), long)),
    );
    expect(asked.filter(({ kind }) => kind === 'present')).toHaveLength(1);
  });

  it('a lease is one process’s; its fence rises with every other holder', async () => {
    const name = unique('lease');
    const mine = { process: unique('p'), node: 'a' };
    const other = { process: unique('p'), node: 'b' };
    expect(await one.leases.hold(name, mine, long)).toEqual({ fence: 1, wanted: 0 });
    expect(await one.leases.hold(name, mine, long)).toEqual({ fence: 1, wanted: 0 });
    expect(await two.leases.hold(name, other, long)).toBeNull();
    expect(await two.leases.holder(name)).toBe('a');
    await two.leases.release(name, other.process);
    expect(await two.leases.hold(name, other, long)).toBeNull();
    await two.leases.want(name);
    expect(await one.leases.hold(name, mine, long)).toEqual({ fence: 1, wanted: 1 });
    await one.leases.release(name, mine.process);
    expect(await two.leases.holder(name)).toBeNull();
    expect(await two.leases.hold(name, other, over)).toEqual({ fence: 2, wanted: 1 });
    expect(await one.leases.hold(name, mine, long)).toEqual({ fence: 3, wanted: 1 });
  });

  it('of many that ask for a lease at once, one gets it', async () => {
    const name = unique('lease');
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_one, i) =>
        (i % 2 === 0 ? one : two).leases.hold(name, { process: unique('p'), node: 'a' }, long),
      ),
    );
    expect(asked.filter((lease) => lease !== null)).toHaveLength(1);
  });
});
