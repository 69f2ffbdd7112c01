/** Files that are whole or not there, also after power loss. */
import { existsSync } from 'node:fs';
import { link, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { codeOf } from './walk.ts';

/** Every entry made in the directory before is durable once this resolves. */
export async function syncDirectory(path: Buffer | string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } catch (error) {
    // Some network file systems have no such thing; there is nothing more that could be done.
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(codeOf(error))) throw error;
  } finally {
    await dir.close();
  }
}

/** Makes the directory and those above it; fine when they are there. One by one: Node tries for ever where the one above takes none (/proc). */
export async function makeDirectory(path: Buffer): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || existsSync(parentOf(path))) throw error;
    await makeDirectory(parentOf(path));
    return await makeDirectory(path);
  }
  await syncDirectory(parentOf(path));
}

export async function unlinkIfThere(path: Buffer): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Writes the file under another name, syncs it and puts it in its place, over what is there. */
export async function writeDurably(path: Buffer, part: Buffer, bytes: Uint8Array | string): Promise<void> {
  await writePart(part, bytes);
  await rename(part, path);
  await syncDirectory(parentOf(path));
}

/** As `writeDurably`, but replaces nothing. False when there is something of that name. */
export async function createDurably(path: Buffer, part: Buffer, bytes: Uint8Array | string): Promise<boolean> {
  await writePart(part, bytes);
  try {
    if ((await nameAgain(part, path)) === 'taken') return false;
  } finally {
    await unlinkIfThere(part);
  }
  await syncDirectory(parentOf(path));
  return true;
}

async function writePart(part: Buffer, bytes: Uint8Array | string): Promise<void> {
  await unlinkIfThere(part);
  const file = await open(part, 'wx', 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What a file system says that has no hard links. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);

/**
 * Gives the file another name in the same file system and never replaces anything; the old name may stay until `unlink`. `taken`: there is
 * something of that name. Rejects with a system error, `EXDEV` for another file system.
 */
export async function nameAgain(from: Buffer, to: Buffer): Promise<'linked' | 'renamed' | 'taken'> {
  try {
    await link(from, to);
    return 'linked';
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return 'taken';
    if (!noLinks.has(code)) throw error;
  }
  try {
    // An empty file of our own holds the name, so that the rename replaces nobody else's.
    await (await open(to, 'wx')).close();
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'taken';
    throw error;
  }
  try {
    await rename(from, to);
  } catch (error) {
    await unlinkIfThere(to);
    throw error;
  }
  return 'renamed';
}

export function parentOf(path: Buffer): Buffer {
  const at = path.lastIndexOf(0x2f);
  return at <= 0 ? Buffer.from('/') : path.subarray(0, at);
}
