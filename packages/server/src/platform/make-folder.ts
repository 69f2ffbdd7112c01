/** Folders that somebody names, with those above them. */
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

const mode = 0o700;

/**
 * Fine when it is there. Node's own `mkdir` of a whole path tries for ever, in a thread that nothing ends, where the folder above is there
 * and takes none (/proc). @throws errors of the file system
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT') throw error;
    const above = dirname(folder);
    if (existsSync(above))
      throw Object.assign(new Error(`${above} takes no folder ${folder}.`), { cause: error, code, syscall: 'mkdir' });
    await makeFolder(above);
    await makeFolder(folder);
  }
}
