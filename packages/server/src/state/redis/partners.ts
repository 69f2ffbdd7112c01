/**
 * That a Redis and a ledger belong together. With the wrong ledger, what happened to uploads would be told to somebody else; with the wrong
 * Redis, every file that is being received looks as if it belonged to no upload.
 */
import { randomInt } from 'node:crypto';
import { HoldfastError } from '../../core/errors.ts';
import type { LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Of what is kept under the keys; rises with a change that an older Holdfast would not understand. */
const format = 1;

/** Rejects with `unavailable` when a newer Holdfast wrote there. */
export async function assertFormat(link: RedisLink, keys: Keys): Promise<void> {
  await link.run((client) => client.setnx(keys.format, format));
  const found = Number(await link.run((client) => client.get(keys.format)));
  if (found > format)
    throw new HoldfastError('unavailable', 'A newer Holdfast keeps uploads in this Redis. Start that version.');
}

interface Partners {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly inbox: LedgerInbox;
  readonly log: Log;
}

/** Rejects with `unavailable` when they do not belong together. */
export async function meetLedger({ link, keys, inbox, log }: Partners, empty: 'begin' | 'refuse'): Promise<void> {
  const here = await link.run((client) => client.get(keys.ledger));
  const known = await inbox.partner();
  if (here !== null) {
    if (Number(here) === known) return;
    throw new HoldfastError(
      'unavailable',
      'This Redis has the uploads of another ledger. Name the ledger that it was used with, or another Redis: its number of the database is the path of the address.',
    );
  }
  if (known !== null) {
    const lost = 'The ledger was used with a Redis, and this one is empty: another one, or it lost its uploads.';
    if (empty === 'refuse') throw new HoldfastError('unavailable', `${lost} Name the right one.`);
    log.warn({}, `${lost} Uploads that were not finished are gone.`);
  }
  // The ledger says which number it is, should two nodes do this at once.
  const id = known ?? (await inbox.makePartner(randomInt(1, 2 ** 47)));
  await link.run((client) => client.setnx(keys.ledger, id));
}
