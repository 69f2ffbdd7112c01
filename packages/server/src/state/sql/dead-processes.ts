/** What a process that is known to be dead held in the database, so that nobody waits for it to run out. */
import type { Engine } from './engine.ts';

/**
 * Removes the extent claims and upload locks of every process whose name begins with `prefix`; of all with ''. Only for processes that cannot write any
 * more: their children in the same supervisor, or a server that held the lock of the folder before.
 */
export async function endTurnsOf(engine: Engine, prefix: string): Promise<void> {
  const { build } = engine.dialect;
  // Every name that begins with it, and nothing else: the next text of the same length is the end of the range.
  const end =
    prefix === '' ? '\u{10ffff}' : prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  const claims = build.deleteFrom('extent_claims').where('holder', '>=', prefix).where('holder', '<', end).compile();
  const locks = build.deleteFrom('upload_locks').where('process', '>=', prefix).where('process', '<', end).compile();
  await engine.write(async (session) => {
    session.durable = false;
    await session.change(claims);
    await session.change(locks);
  });
}
