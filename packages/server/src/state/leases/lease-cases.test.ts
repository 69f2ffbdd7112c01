/** B6, E1: cases in which locks and claims of several processes could go wrong, in virtual time. */
import { describe, expect, it } from 'vitest';
import { LeaseRows } from '../../testing/lease-rows.ts';
import { overNetwork, type Passage, SimulatedProcess, World } from '../../testing/lease-world.ts';
import { LeasedExtentClaims } from './leased-extent-claims.ts';
import { LeasedUploadLocks } from './leased-upload-locks.ts';

const fast: Passage = { thereMs: 1, backMs: 1, fate: 'answered' };
const away: Passage = { thereMs: 1, backMs: 1, fate: 'away' };
const waitMs = 10_000;

/** Two processes, and how statements of the first one fare: by their method, one after the other, then fast. */
class Setting {
  readonly world = new World();
  readonly rows = new LeaseRows(() => this.world.now);
  readonly passages: Record<string, Passage[]> = {};
  readonly one = this.#process('one');
  readonly two = this.#process('two');

  #process(name: string): { readonly locks: LeasedUploadLocks; readonly claims: LeasedExtentClaims } {
    const process = new SimulatedProcess(this.world, 0);
    const next = (method: string): Passage => (name === 'one' ? this.passages[method]?.shift() : undefined) ?? fast;
    const network = { world: this.world, next };
    return {
      locks: new LeasedUploadLocks(overNetwork(this.rows.locks(name), process, network), { clock: process }),
      claims: new LeasedExtentClaims(overNetwork(this.rows.claims(name), process, network), { clock: process }),
    };
  }

  /** What the promise has come to within the time; `undefined`: nothing. */
  async within<T>(ms: number, promise: Promise<T> | null): Promise<T | undefined> {
    let value: T | undefined;
    promise?.then(
      (it) => {
        value = it;
      },
      () => {},
    );
    await this.world.until(this.world.now + ms, () => {});
    return value;
  }

  pass(ms: number): Promise<unknown> {
    return this.within(ms, null);
  }

  lock(process: 'one' | 'two', letGo: () => void = () => {}): ReturnType<LeasedUploadLocks['acquire']> {
    return this[process].locks.acquire('u', { waitMs, letGo });
  }

  claim(process: 'one' | 'two'): ReturnType<LeasedExtentClaims['acquire']> {
    return this[process].claims.acquire('u', 0, waitMs);
  }
}

function granted<T>(turn: T | string | null | undefined): T {
  if (turn === undefined || turn === null || typeof turn === 'string') throw new Error(`It was not granted: ${turn}.`);
  return turn;
}

describe('the time of a lease', () => {
  it('is reckoned from before the database was asked for it', async () => {
    const setting = new Setting();
    setting.passages['take'] = [{ ...fast, backMs: 7_000 }];
    setting.passages['renew'] = Array.from({ length: 100 }, () => away);
    const first = setting.lock('one');
    await setting.pass(5_000);
    const second = setting.lock('two');
    const late = granted(await setting.within(2_500, first));
    expect(late.isValid()).toBe(true);
    expect(granted(await setting.within(1_000, second)).forced).toBe(true);
    expect(late.isValid()).toBe(false);
  });

  it('is reckoned from before the database was asked for more', async () => {
    const setting = new Setting();
    setting.passages['renew'] = [{ ...fast, backMs: 4_500 }, ...Array.from({ length: 100 }, () => away)];
    const lock = granted(await setting.within(10, setting.lock('one')));
    await setting.pass(7_500);
    expect(lock.isValid(), 'it has been renewed').toBe(true);
    const other = setting.lock('two');
    expect(granted(await setting.within(4_000, other)).forced).toBe(true);
    expect(lock.isValid()).toBe(false);
  });

  it('does not begin again once it is over, although the row is still there', async () => {
    const setting = new Setting();
    const slow = { ...fast, thereMs: 4_500, backMs: 3_000 };
    setting.passages['renew'] = [away, slow];
    const lock = granted(await setting.within(10, setting.lock('one')));
    await setting.pass(8_500);
    expect(lock.isValid()).toBe(false);
    await setting.pass(60_000);
    expect(lock.isValid()).toBe(false);
    expect(await setting.within(20_000, setting.lock('two')), 'its holder has not let go').toBe('busy');
  });

  it('ends with the next renewal when the database lost the row, as after a fail-over', async () => {
    const setting = new Setting();
    const claim = granted(await setting.within(10, setting.claim('one')));
    const lock = granted(await setting.within(10, setting.lock('one')));
    await setting.pass(60_000);
    expect([claim.isValid(), lock.isValid()], 'while it is renewed').toEqual([true, true]);
    for (const name of ['u/0', 'u']) setting.rows.lose(name);
    await setting.pass(3_000);
    expect(lock.isValid(), 'a third of its time later, and a look').toBe(false);
    await setting.pass(3_100);
    expect(claim.isValid()).toBe(false);
  });
});

describe('a request that waits for another process', () => {
  it('gives way to a newer one of its own process', async () => {
    const setting = new Setting();
    await setting.within(10, setting.lock('two'));
    const first = setting.lock('one');
    await setting.pass(1_000);
    const second = setting.lock('one');
    expect(await setting.within(200, first)).toBe('superseded');
    expect(await setting.within(waitMs + 200, second)).toBe('busy');
  });

  it('has the holder asked once, within a quarter of a second', async () => {
    const setting = new Setting();
    let asked = 0;
    const letGo = (): void => {
      asked += 1;
    };
    await setting.within(10, setting.lock('one', letGo));
    await setting.pass(5_000);
    expect(asked).toBe(0);
    void setting.lock('two');
    await setting.pass(250);
    expect(asked).toBe(1);
    await setting.pass(5_000);
    expect(asked).toBe(1);
  });
});

describe('a claim whose database was away', () => {
  it('when it was to be given back is removed as soon as it is there again', async () => {
    const setting = new Setting();
    const claim = granted(await setting.within(10, setting.claim('one')));
    setting.passages['remove'] = [away, away];
    await setting.within(10, claim.release());
    expect(granted(await setting.within(3_000, setting.claim('two'))).forced).toBe(false);
  });

  it('when it was given back is not removed from under the next one', async () => {
    const setting = new Setting();
    const claim = granted(await setting.within(10, setting.claim('one')));
    setting.passages['remove'] = [away];
    await setting.within(10, claim.release());
    setting.passages['take'] = [{ ...fast, backMs: 3_000 }];
    const next = setting.claim('one');
    const other = setting.claim('two');
    expect(granted(await setting.within(3_500, next)).isValid()).toBe(true);
    expect(await setting.within(waitMs, other)).toBeNull();
  });

  it('when it was asked for leaves said what is known of the place', async () => {
    const setting = new Setting();
    const claim = granted(await setting.within(10, setting.claim('one')));
    await setting.within(10, claim.forfeit());
    setting.passages['take'] = [away];
    await setting.within(10, setting.claim('one'));
    expect(granted(await setting.within(10, setting.claim('one'))).forced).toBe(true);
  });

  it('when it was taken by force tells so once more', async () => {
    const setting = new Setting();
    await setting.within(10, setting.claim('two'));
    setting.two.claims.close();
    await setting.pass(15_100);
    setting.passages['take'] = [{ ...fast, fate: 'answer lost' }];
    expect(await setting.within(100, setting.claim('one'))).toBeUndefined();
    expect(granted(await setting.within(100, setting.claim('one'))).forced).toBe(true);
  });
});
