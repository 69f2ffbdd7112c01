import { afterAll, describe, expect, it } from 'vitest';
import { sha256Of, unique } from '../../testing/sample-upload.ts';
import { SharedPostgres, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

describe.each([
  ['SQLite', twoSqliteStates],
  ['PostgreSQL', () => postgres.twoStates()],
])('sessions that were ended, on %s', (_name, open) => {
  it('are known to every process until they would have ended by themselves', async () => {
    const { subject, close } = await open();
    const { sessions } = subject.one;
    const [early, late, holding] = [1, 2, 3].map(() => sha256Of(unique('session'))) as [string, string, string];
    await sessions.end({ digest: early, endsAt: 1_000 }, 10);
    await sessions.end({ digest: early, endsAt: 1_000 }, 11);
    const seen = (digest: string) => subject.two.sessions.isEnded(digest);
    expect([await seen(early), await seen(holding)]).toEqual([true, false]);
    await subject.two.sessions.end({ digest: late, endsAt: 3_000 }, 2_000);
    expect([await seen(early), await seen(late)]).toEqual([false, true]);
    await close();
  });
});
