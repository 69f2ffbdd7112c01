/** Whether the settings of a Redis keep what Holdfast promises; see docs/redis.md. */
import { HoldfastError } from '../../core/errors.ts';
import type { RedisLink } from './link.ts';

/** What an acknowledged chunk survives. */
export type Durability = 'synced' | 'committed';

const versionMin = 7;

/** Rejects with `unavailable`, with what to set, when they do not; resolves to what cannot be seen, or what to think of. */
export async function checkSettings(link: RedisLink, durability: Durability): Promise<string[]> {
  const facts = await infoOf(link);
  const version = facts.get('redis_version') ?? '0';
  if (Number.parseInt(version, 10) < versionMin)
    throw refused(`it is version ${version}, and ${versionMin} is the oldest that will do`);
  if (facts.get('role') === 'slave') throw refused('it is a replica; name its primary');
  const policy = facts.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    throw refused(`with maxmemory-policy ${policy} it throws uploads away when memory is short: set noeviction`);
  if (facts.get('aof_enabled') !== '1')
    throw refused('it keeps no log, so that a restart loses uploads: set appendonly yes');
  return await syncing(link, durability);
}

async function syncing(link: RedisLink, durability: Durability): Promise<string[]> {
  const appendfsync = await settingOf(link, 'appendfsync');
  if (appendfsync === null) {
    return [
      'Redis does not let its settings be read. See to it that appendfsync is always, or a power cut takes back what was acknowledged.',
    ];
  }
  if (appendfsync === 'always') return [];
  if (durability === 'synced')
    throw refused(
      `with appendfsync ${appendfsync} a power cut takes back what was acknowledged as synced: set appendfsync always, or durability to committed`,
    );
  return appendfsync === 'everysec'
    ? ['appendfsync is everysec: a power cut of the machine of Redis takes back up to two seconds of uploads.']
    : [`appendfsync is ${appendfsync}: a power cut of the machine of Redis takes back up to half a minute of uploads.`];
}

/** What INFO tells. */
export async function infoOf(link: RedisLink): Promise<ReadonlyMap<string, string>> {
  const text = await link.run((client) => client.info());
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const at = line.indexOf(':');
      return at < 1 || line.startsWith('#') ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

/** Null where the server does not tell: services often forbid CONFIG. */
async function settingOf(link: RedisLink, name: string): Promise<string | null> {
  try {
    const found = (await link.run((client) => client.config('GET', name))) as string[];
    return found[1] ?? null;
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== 'unavailable') throw error;
    return null;
  }
}

function refused(reason: string): HoldfastError {
  return new HoldfastError('unavailable', `This Redis cannot keep uploads: ${reason}. See docs/redis.md.`);
}
