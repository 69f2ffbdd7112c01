import { opendir } from 'node:fs/promises';
import { translated } from './io-errors.ts';

/** Names of the files in a folder that are named like what is kept there. */
export async function* storedNames(folder: string, isName: (name: string) => boolean): AsyncIterable<string> {
  const entries = await translated('listing the store', () => opendir(folder));
  for await (const entry of entries) if (entry.isFile() && isName(entry.name)) yield entry.name;
}
