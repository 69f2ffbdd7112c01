/** Finds a program as the system would, so that a missing one is told apart from one that fails. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

/** The path of an executable file, or null. */
export async function findProgram(name: string, searchPath: string): Promise<string | null> {
  const folders = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const candidates = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name));
  for (const candidate of candidates) {
    if (await isProgram(candidate)) return candidate;
  }
  return null;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
