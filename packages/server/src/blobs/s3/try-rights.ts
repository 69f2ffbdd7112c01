/** Tries each right that the stores need, on objects of its own that are removed again. */
import { createHash } from 'node:crypto';
import type { Bucket } from './bucket.ts';
import type { S3Keys } from './keys.ts';
import { contentOf } from './requests.ts';
import { s3Error } from './s3-errors.ts';

export interface Tried {
  readonly right: string;
  /** Null: it works. Otherwise what is wrong, and what to do. */
  readonly problem: string | null;
}

const content = () => {
  const bytes = Buffer.from('holdfast doctor\n');
  return contentOf([bytes], createHash('md5').update(bytes).digest('hex'));
};

/** Ends with the first thing that does not work, since what follows needs it. Never rejects. */
export async function tryRights(bucket: Bucket, keys: S3Keys): Promise<Tried[]> {
  const [key, other] = [keys.check(), keys.check()];
  const tries: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['reach the bucket', () => bucket.reach()],
    ['put', () => bucket.put(key, content())],
    ['get', async () => (await bucket.get(key, { start: 0, end: 8 })).resume()],
    ['copy and multipart', () => copied(bucket, key, other)],
    ['abort', async () => bucket.multipart.abort(await bucket.multipart.begin(other))],
    ['list', () => bucket.list(keys.incoming, '/').next()],
    ['delete', () => Promise.all([bucket.remove(key), bucket.remove(other)])],
  ];
  const done: Tried[] = [];
  for (const [right, attempt] of tries) {
    try {
      await attempt();
      done.push({ right, problem: null });
    } catch (error) {
      const told = s3Error(`trying to ${right}`, error);
      done.push({ right, problem: told instanceof Error ? told.message : String(told) });
      await Promise.allSettled([bucket.remove(key), bucket.remove(other)]);
      break;
    }
  }
  return done;
}

async function copied(bucket: Bucket, from: string, to: string): Promise<void> {
  const facts = await bucket.head(from);
  const upload = await bucket.multipart.begin(to);
  const source = { key: from, etag: facts?.etag ?? '', range: { start: 0, end: facts?.size ?? 0 } };
  try {
    const etag = await bucket.multipart.copy(upload, 1, source);
    await bucket.multipart.complete(upload, [{ number: 1, etag, size: facts?.size ?? 0 }]);
  } catch (error) {
    await bucket.multipart.abort(upload).catch(() => {});
    throw error;
  }
}
