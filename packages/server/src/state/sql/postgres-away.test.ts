/** A PostgreSQL that goes away and comes back, or cannot be used at all; and the words that nodes give each other through it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { DatabaseProxy } from '../../testing/database-proxy.ts';
import { sampleEvent, sampleUpload, unique } from '../../testing/sample-upload.ts';
import { SharedPostgres } from '../../testing/test-state.ts';
import { inspectPostgres } from './inspect-postgres.ts';
import { openPostgresState, type State } from './open.ts';
import { PostgresEngine } from './postgres.ts';
import { refuseOldServer } from './postgres-place.ts';

const postgres = new SharedPostgres();
let url = '';
beforeAll(async () => {
  url = await postgres.createDatabase();
});
afterAll(() => postgres.stop());

const plenty = 1_000_000;
const options = { clock: systemClock, connectionsMax: 4, statementTimeoutMs: 2_000, patienceMs: 500 };

async function appended(types: readonly string[], principal: string, to: State): Promise<void> {
  const events = types.map((type) => sampleEvent(type));
  await to.uploads.create(sampleUpload({ principal }), events, [], plenty);
}

describe('a database that goes away', () => {
  const reach = async () => {
    const proxy = await DatabaseProxy.to(url);
    const wish = { url: proxy.url, clock: systemClock, holder: unique('process'), patienceMs: 1_000 };
    return { proxy, cut: await openPostgresState(wish) };
  };
  const keep = (to: State, id: string) =>
    to.uploads.decide(id, null, (current) => ({ kind: 'accept', next: current, events: [], writes: [] }));

  it('is unavailable, refused at once after a while, and used again once it is back', async () => {
    const { proxy, cut } = await reach();
    const upload = sampleUpload();
    await cut.uploads.create(upload, [], [], plenty);
    proxy.cut();
    await expect(cut.uploads.find(upload.id)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(cut.uploads.ping()).rejects.toMatchObject({ code: 'unavailable' });
    const asked = systemClock.now();
    const many = Array.from({ length: 50 }, () => keep(cut, upload.id));
    for (const one of await Promise.allSettled(many))
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    // One of them tries, the others do not wait for their turn to.
    expect(systemClock.now() - asked).toBeLessThan(3_000);
    proxy.mend();
    await expect.poll(() => cut.uploads.find(upload.id).catch(() => null), { timeout: 5_000 }).toEqual(upload);
    await cut.close();
    await proxy.close();
  });

  it('for a moment: reads and writes wait, and are done once', async () => {
    const { proxy, cut } = await reach();
    const upload = sampleUpload();
    proxy.cut();
    const creating = cut.uploads.create(upload, [sampleEvent('created')], [], plenty);
    systemClock.after(300, () => proxy.mend());
    await creating;
    const reading = cut.uploads.find(upload.id);
    proxy.cut();
    systemClock.after(300, () => proxy.mend());
    expect(await reading).toMatchObject({ id: upload.id, lastEvent: 1 });
    const events = await cut.uploads.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 10 });
    expect(events.map((event) => event.type)).toEqual(['created']);
    await cut.close();
    await proxy.close();
  });

  it('without a word (a partition): statements are given up, and connections from before are not trusted', async () => {
    const proxy = await DatabaseProxy.to(url);
    const wish = { url: proxy.url, clock: systemClock, holder: unique('process'), connectionsMax: 3 };
    const cut = await openPostgresState({ ...wish, patienceMs: 100, statementTimeoutMs: 500, silentMs: 500 });
    await Promise.all([cut.uploads.ping(), cut.uploads.ping(), cut.uploads.ping()]);
    proxy.freeze();
    await expect(cut.uploads.ping()).rejects.toMatchObject({ code: 'unavailable' });
    proxy.cut();
    proxy.mend();
    await expect
      .poll(() =>
        cut.uploads.ping().then(
          () => 'well',
          () => 'away',
        ),
      )
      .toBe('well');
    await cut.close();
    await proxy.close();
  });
});

describe('a database that cannot be used', () => {
  const opening = (to: string) => PostgresEngine.open({ url: to, ...options });
  const wrong = (change: (url: URL) => void): string => {
    const made = new URL(url);
    change(made);
    return made.href;
  };

  it.each([
    [
      'there is no server',
      () => 'postgres://x:secret-word@127.0.0.1:1/x',
      /cannot be reached on 127\.0\.0\.1:1.*ECONNREFUSED/,
    ],
    [
      'no host of that name',
      () => 'postgres://x:secret-word@no-such-host.invalid/x',
      /cannot be reached on no-such-host/,
    ],
    [
      'there is no such database',
      () => wrong((to) => Object.assign(to, { pathname: '/nowhere', password: 'secret-word' })),
      /no database "nowhere".*createdb -h 127\.0\.0\.1 -p \d+ nowhere/,
    ],
    [
      'there is no such user',
      () => wrong((to) => Object.assign(to, { username: 'nobody', password: 'secret-word' })),
      /"nobody" in/,
    ],
  ])('says so: %s', async (_, to, words) => {
    const error: Error = await opening(to()).then(
      () => new Error('It opened.'),
      (refused: Error) => refused,
    );
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringMatching(words) });
    expect(error.message).not.toContain('secret-word');
  });

  it('refuses an address that is none without repeating it', async () => {
    const error = await opening('postgres://user:secret-word@host:99999999/x').catch((refused: Error) => refused);
    expect(error).toMatchObject({ code: 'invalid-request', message: expect.not.stringContaining('secret-word') });
  });

  it('refuses a server that is too old', () => {
    expect(() => refuseOldServer(120_017, url)).toThrow(/PostgreSQL 12; Holdfast needs 13/);
    expect(() => refuseOldServer(130_000, url)).not.toThrow();
  });
});

describe('nodes hear of each other', () => {
  it('at once, and again after the connection was lost', async () => {
    const proxy = await DatabaseProxy.to(url);
    // Without looking by themselves: only words can wake this one up.
    const here = await PostgresEngine.open({ ...options, url: proxy.url }, { process: 'here' });
    const there = await openPostgresState({ url, clock: systemClock, holder: 'there' });
    let heard = 0;
    here.onAppend(() => {
      heard += 1;
    });
    await expect.poll(() => there.describe(), { timeout: 5_000 }).not.toContain('does not hear');
    const connected = () => here.describe().then((line) => !line.includes('does not hear'));
    await expect.poll(connected, { timeout: 5_000 }).toBe(true);
    const before = heard;
    await appended(['a'], unique('principal'), there);
    await expect.poll(() => heard, { timeout: 5_000 }).toBeGreaterThan(before);
    proxy.cut();
    await expect.poll(() => here.describe().catch(() => 'away'), { timeout: 5_000 }).toBe('away');
    proxy.mend();
    await expect.poll(() => connected().catch(() => false), { timeout: 5_000 }).toBe(true);
    const after = heard;
    await appended(['b'], unique('principal'), there);
    await expect.poll(() => heard, { timeout: 5_000 }).toBeGreaterThan(after);
    await here.close();
    await there.close();
    await proxy.close();
  });
});

describe('looking at a database', () => {
  it('tells what it is and changes nothing in it', async () => {
    const empty = await postgres.createDatabase();
    const look = () => inspectPostgres(empty, () => systemClock.now());
    expect(await look()).toMatchObject({
      schema: null,
      syncs: false,
      connectionsMax: 100,
      place: expect.stringContaining(' on 127.0.0.1:'),
    });
    expect(await look()).toMatchObject({ schema: null });
    await (await PostgresEngine.open({ ...options, url: empty })).close();
    expect((await look()).schema).toBeGreaterThanOrEqual(10);
  });
});
