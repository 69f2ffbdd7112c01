/** Looks at a Redis without changing anything in it: for `doctor`. */
import type { Clock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/log.ts';
import { Keys, standardPrefix } from './keys.ts';
import { RedisLink } from './link.ts';
import { checkSettings, type Durability, infoOf } from './settings-check.ts';

export interface RedisFacts {
  readonly version: string;
  /** Whether the uploads of some Holdfast are, or were, in it. */
  readonly used: boolean;
  /** What cannot be seen of its settings, or is to be thought of. */
  readonly notes: readonly string[];
  /** Of one question. */
  readonly milliseconds: number;
}

/** Rejects with `unavailable` that says what is wrong: no answer, or settings that do not keep what is promised. */
export async function inspectRedis(options: {
  readonly url: string;
  readonly durability: Durability;
  readonly clock: Clock;
}): Promise<RedisFacts> {
  const { clock, durability } = options;
  const link = new RedisLink({ url: options.url, clock, log: silentLog });
  try {
    await link.ready();
    const notes = await checkSettings(link, durability);
    const asked = clock.now();
    const used = (await link.run((client) => client.exists(new Keys(standardPrefix).ledger))) === 1;
    const milliseconds = clock.now() - asked;
    return { version: (await infoOf(link)).get('redis_version') ?? '', used, notes, milliseconds };
  } finally {
    link.close();
  }
}
