/** Results next to the files that they are about: `<name>.analytic.json`, `<name>.summary.json`, `<name>.logline.txt`. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { splitExtension } from '../core/filename.ts';
import type { Artifact } from '../core/ledger.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { Sha256 } from '../core/upload.ts';
import { createDurably, makeDirectory, unlinkIfThere, writeDurably } from './durable-files.ts';
import { fitName, joinBytes, textToName } from './names.ts';
import { codeOf } from './walk.ts';

/** Artifacts that are named after their asset, by what comes after the name. */
const delivered = [
  ...['.analytic.json', '.summary.json', '.logline.txt'],
  ...['.transcript.json', '.transcript.vtt', '.transcript.srt', '.transcript.txt'],
];

/** Where results go, and what they are named after. */
export interface ResultPlace {
  /** Folder to write into. */
  readonly dir: Buffer;
  /** Name of the file, as text for any bytes. */
  readonly name: string;
}

export interface Delivery extends ResultPlace {
  readonly artifacts: Pick<ArtifactStore, 'localFile'>;
  readonly results: readonly Artifact[];
  /** Tells this file from all others that may be delivered at the same time. */
  readonly place: string;
}

/**
 * Writes them, over what an earlier delivery wrote. Named after this file, whatever other names its content has. Where that name belongs
 * to another content already (`talk.mp4` beside `talk.mov`), the whole name is used: `talk.mov.analytic.json`.
 */
export async function deliver({ artifacts, results, dir, name, place }: Delivery): Promise<Buffer[]> {
  const written: Buffer[] = [];
  for (const artifact of results) {
    const suffix = delivered.find((one) => artifact.name.endsWith(one));
    if (suffix === undefined) continue;
    const bytes = await contentOf(artifacts, artifact);
    await makeDirectory(dir);
    const [short, long] = namesOf({ dir, name }, suffix);
    // Another file with the same content may be delivered here at the same moment.
    const part = joinBytes(dir, Buffer.from(`.holdfast-${artifact.sha256.slice(0, 16)}-${place}.part`));
    const target = (await gets(short, part, bytes)) ? short : long;
    if (!(await holds(target, bytes))) await writeDurably(target, part, bytes);
    written.push(target);
  }
  return written;
}

/** Takes away what was delivered for a file and is about nothing that is there any more. `isOver` tells by the digest of what lies there. */
export async function takeBack(place: ResultPlace, isOver: (sha256: Sha256) => Promise<boolean>): Promise<void> {
  for (const suffix of delivered)
    for (const path of namesOf(place, suffix)) {
      const bytes = await readOrNull(path);
      if (bytes !== null && (await isOver(createHash('sha256').update(bytes).digest('hex')))) await unlinkIfThere(path);
    }
}

/** After the name without its extension, and after the whole name. */
function namesOf({ dir, name }: ResultPlace, suffix: string): [Buffer, Buffer] {
  const called = (text: string) => joinBytes(dir, fitName(textToName(text), Buffer.from(suffix)));
  return [called(splitExtension(name).stem), called(name)];
}

/** Whether the name is that of these bytes: it was, or it was free. */
async function gets(path: Buffer, part: Buffer, bytes: Buffer): Promise<boolean> {
  if ((await readOrNull(path)) === null && (await createDurably(path, part, bytes))) return true;
  // A crash may have left it.
  await unlinkIfThere(part);
  return await holds(path, bytes);
}

async function contentOf(artifacts: Delivery['artifacts'], artifact: Artifact): Promise<Buffer> {
  const file = await artifacts.localFile(artifact);
  try {
    return await readFile(file.path);
  } finally {
    await file.release();
  }
}

async function holds(path: Buffer, bytes: Buffer): Promise<boolean> {
  const there = await readOrNull(path);
  return there?.equals(bytes) === true;
}

async function readOrNull(path: Buffer): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
