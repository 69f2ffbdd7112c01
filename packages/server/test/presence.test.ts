/** B6, E1: a node under its name among others that share its database. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { takePlace } from '../src/cli/node-place.ts';
import { Presence, type PresenceOptions } from '../src/cli/presence.ts';
import type { HoldfastError } from '../src/core/errors.ts';
import { silentLog } from '../src/core/ports/log.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { openSqliteState, type State } from '../src/state/sql/open.ts';

const stranger = { host: 'h', pid: 1, role: 'all', version: '1' };
const config = { state: 'postgres://shared', ledger: 'sqlite' } as const;
let dir = '';
let state: State;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-presence-'));
  state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock, sharedAs: 'presence' });
});
afterAll(async () => {
  await state.close();
  await rm(dir, { recursive: true, force: true });
});

const begin = (more: Pick<PresenceOptions, 'place'> & Partial<PresenceOptions>) =>
  Presence.begin({
    ...{ nodes: state.nodes, role: 'all', version: '1', bootId: 'boot', clock: systemClock, log: silentLog },
    goodForMs: 600,
    onLost: () => {},
    ...more,
  });

async function folder(name: string): Promise<string> {
  const path = join(dir, name);
  await mkdir(path, { recursive: true });
  return path;
}

it('places are the node’s own, the same after a restart, and never had by two', async () => {
  const data = await folder('places');
  const [one, two] = [await takePlace(config, data), await takePlace(config, data)];
  expect(new Set([one.holder, two.holder, one.scratch, two.scratch]).size).toBe(4);
  two.release();
  const again = await takePlace(config, data);
  expect({ holder: again.holder, dir: again.dir }).toEqual({ holder: two.holder, dir: two.dir });
  expect(again.process).not.toBe(two.process);
  const named = await takePlace({ ...config, nodeName: 'a' }, data);
  expect(named.holder).toBe('a');
  await expect(takePlace({ ...config, nodeName: 'a' }, data)).rejects.toThrow(/node named "a" runs .* already/);
  for (const place of [one, again, named]) place.release();
});

it('a node that lives elsewhere under the same name is found out, in whatever folder', async () => {
  const one = await takePlace({ ...config, nodeName: 'twin' }, await folder('here'));
  const two = await takePlace({ ...config, nodeName: 'twin' }, await folder('there'));
  const presence = await begin({ place: one });
  await expect(begin({ place: two })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/Another node has the name "twin": process \d+ on .*--node-name/),
  });
  await presence.end();
  await (await begin({ place: two })).end();
});

it('a node that was killed has its name back at once on its machine, and after a while from another', async () => {
  const place = await takePlace({ ...config, nodeName: 'killed' }, await folder('killed'));
  // Never ended: as if it was killed.
  await begin({ place, goodForMs: 60_000 });
  const next = { ...place, process: 'the next' };
  const started = systemClock.now();
  const presence = await begin({ place: next, goodForMs: 60_000 });
  expect(systemClock.now() - started).toBeLessThan(5_000);
  await presence.end();
  await state.nodes.show({ ...stranger, name: 'killed', process: 'silent' }, 400);
  const elsewhere = await begin({ place: { ...place, process: 'elsewhere', dir: await folder('elsewhere') } });
  expect((await state.nodes.living()).map((node) => node.process)).toContain('elsewhere');
  await elsewhere.end();
});

it('a process whose name was taken while it stood still has to end', async () => {
  const place = await takePlace({ ...config, nodeName: 'asleep' }, await folder('asleep'));
  const { promise: lost, resolve } = Promise.withResolvers<HoldfastError>();
  await begin({ place, onLost: resolve });
  // As another one does after this one's time has run out.
  const taken = { ...stranger, name: 'asleep', process: 'awake' };
  expect(await state.nodes.show(taken, 60_000, place.process)).toMatchObject({ kind: 'present' });
  expect(await lost).toMatchObject({ code: 'unavailable', message: expect.stringContaining('"asleep"') });
});

it('a clock that is far from the database’s is refused', async () => {
  const place = await takePlace({ ...config, nodeName: 'late' }, await folder('late'));
  const clock = { ...systemClock, now: () => systemClock.now() - 60_000, after: systemClock.after };
  await expect(begin({ place, clock })).rejects.toThrow(/clock of this machine is 60 s behind the database's/);
  // Nothing is left of the attempt.
  await (await begin({ place })).end();
});
