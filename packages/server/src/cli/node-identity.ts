/** The name of this node in leases: made once per data directory, so that a restart recognises what it left behind. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '../platform/uuidv7.ts';

export async function nodeIdentity(dataDir: string): Promise<string> {
  const path = join(dataDir, 'node-id');
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (/^node-[0-9a-f-]{36}$/.test(known.trim())) return known.trim();
  const made = `node-${uuidv7()}`;
  await writeFile(`${path}.tmp`, `${made}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.tmp`, path);
  return made;
}
