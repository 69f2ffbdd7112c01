/** Which boot of the machine this is: when it changes, the page cache of before is gone. */
import { readFile } from 'node:fs/promises';

const bootIdPath = '/proc/sys/kernel/random/boot_id';

/** The kernel's boot id, or null where the system has none (then a caller has to assume that the machine was restarted). */
export async function readBootId(path: string = bootIdPath): Promise<string | null> {
  try {
    const id = (await readFile(path, 'utf8')).trim();
    return /^[0-9a-f-]{36}$/.test(id) ? id : null;
  } catch {
    return null;
  }
}
