/** What a process that is known to be dead held in the database, so that nobody waits for it to run out. */
import type { Engine } from './engine.ts';

/**
 * Ends the extent claims and upload locks of every process whose name begins with `prefix`; of all with ''. Only for processes that cannot write any
 * more: their children in the same supervisor, or a server that held the lock of the folder before.
 *
 * What one of them had taken by force from a process that may still live, the next one has to take by force as well: the dead one may not
 * have seen to it any more.
 */
export async function endTurnsOf(engine: Engine, prefix: string): Promise<void> {
  const { build } = engine.dialect;
  // Every name that begins with it, and nothing else: the next text of the same length is the end of the range.
  const end =
    prefix === '' ? '\u{10ffff}' : prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  const removed = prefix === '' ? [0, 1] : [0];
  const queries = [
    build
      .deleteFrom('extent_claims')
      .where('holder', '>=', prefix)
      .where('holder', '<', end)
      .where('forced', 'in', removed),
    build
      .deleteFrom('upload_locks')
      .where('process', '>=', prefix)
      .where('process', '<', end)
      .where('forced', 'in', removed),
    build.updateTable('extent_claims').set({ until: 0 }).where('holder', '>=', prefix).where('holder', '<', end),
    build.updateTable('upload_locks').set({ until: 0 }).where('process', '>=', prefix).where('process', '<', end),
  ].map((query) => query.compile());
  await engine.write(async (session) => {
    session.durable = false;
    for (const query of queries) await session.change(query);
  });
}
