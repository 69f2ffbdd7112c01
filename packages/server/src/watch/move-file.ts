/**
 * Moves a file that was processed, in a way that a crash at any point can be gone on from, that replaces nothing and never leaves the
 * content without a name. Where to is written down before (`plan`).
 *
 * | source | planned target | what is done |
 * | --- | --- | --- |
 * | there | same inode | a link was made: removes the source |
 * | there | the same content | a copy to another device was made: removes the source |
 * | there | nothing, or an empty file of ours | moves |
 * | there | something else | somebody took the name: takes the next one |
 * | gone | the content | it was moved |
 * | gone | anything else | `gone`: somebody else took it away |
 */
import { lstat, rename, utimes } from 'node:fs/promises';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { Sha256 } from '../core/upload.ts';
import { type FileFacts, sameContent } from '../core/watch.ts';
import { makeDirectory, nameAgain, parentOf, syncDirectory, unlinkIfThere } from './durable-files.ts';
import { cutName, joinBytes } from './names.ts';
import { codeOf } from './walk.ts';

export interface MoveOrder {
  readonly from: Buffer;
  /** As it was taken. */
  readonly facts: FileFacts;
  readonly digest: Sha256;
  readonly toDir: Buffer;
  readonly name: Buffer;
  /** What an earlier try wrote down. */
  readonly planned: Buffer | null;
  readonly intake: FileIntake;
  readonly crash: CrashPoints;
  /** Writes the target down, durably. */
  plan(target: Buffer): Promise<void>;
}

/** `changed`: another content is there now, which was not processed. */
export type Moved = { readonly kind: 'moved'; readonly to: Buffer } | { readonly kind: 'changed' | 'gone' };

const numbersMax = 10_000;

export async function moveFile(order: MoveOrder): Promise<Moved> {
  const { from, facts, planned, intake } = order;
  const source = await intake.facts(from);
  if (planned !== null) {
    const there = await intake.facts(planned);
    const linked = there !== null && there.device === facts.device && there.inode === facts.inode;
    const moved = there !== null && (linked || (await hasContent(order, planned, there)));
    if (moved) {
      if (source !== null && sameContent(source, facts)) await drop(order, planned);
      return { kind: 'moved', to: planned };
    }
    if (there?.size === 0 && source !== null && sameContent(source, facts)) await unlinkIfThere(planned);
  }
  if (source === null) return { kind: 'gone' };
  if (!sameContent(source, facts)) return { kind: 'changed' };
  await makeDirectory(order.toDir);
  for (let n = 1; n <= numbersMax; n += 1) {
    const target = joinBytes(order.toDir, numbered(order.name, n));
    if ((await lstat(target).catch(() => null)) !== null) continue;
    await order.plan(target);
    order.crash('watch:before-move');
    const outcome = await moveTo(order, target);
    if (outcome !== 'taken') return outcome;
  }
  throw new Error(`There are ${numbersMax} files of that name already.`);
}

async function moveTo(order: MoveOrder, target: Buffer): Promise<Moved | 'taken'> {
  const { from, facts, intake, crash } = order;
  try {
    const how = await nameAgain(from, target);
    if (how === 'taken') return 'taken';
    const now = await intake.facts(target);
    if (now === null || !sameContent(now, facts)) {
      // Replaced in the moment before: it goes back to where it was.
      if (how === 'linked') await unlinkIfThere(target);
      else await rename(target, from);
      return { kind: 'changed' };
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'gone' };
    if (codeOf(error) !== 'EXDEV') throw error;
    const copied = await copyTo(order, target);
    if (copied !== 'copied') return copied === 'taken' ? 'taken' : { kind: 'changed' };
  }
  crash('watch:after-link');
  await drop(order, target);
  crash('watch:after-move');
  return { kind: 'moved', to: target };
}

/** Another device: copied, compared, durable and under its name before the source goes. */
async function copyTo(order: MoveOrder, target: Buffer): Promise<'copied' | 'taken' | 'changed'> {
  const { from, facts, digest, toDir, intake, crash } = order;
  const part = joinBytes(toDir, Buffer.from(`.holdfast-${digest.slice(0, 16)}-${facts.inode}.part`));
  await unlinkIfThere(part);
  try {
    const copied = await intake.copy({ from, size: facts.size, to: part });
    const after = await intake.facts(from);
    if (copied !== digest || after === null || !sameContent(after, facts)) return 'changed';
    const seconds = Number(BigInt(facts.mtimeNs) / 1_000n) / 1e6;
    await utimes(part, seconds, seconds);
    crash('watch:after-copy');
    if ((await nameAgain(part, target)) === 'taken') return 'taken';
    await syncDirectory(toDir);
    return 'copied';
  } finally {
    await unlinkIfThere(part);
  }
}

/** The new name is durable before the old one goes. */
async function drop({ from, facts, intake }: MoveOrder, target: Buffer): Promise<void> {
  await syncDirectory(parentOf(target));
  const there = await intake.facts(from);
  // Another file may have come in its place meanwhile, and has no other name.
  if (there !== null && sameContent(there, facts)) await unlinkIfThere(from);
  await syncDirectory(parentOf(from));
}

async function hasContent(order: MoveOrder, path: Buffer, facts: FileFacts): Promise<boolean> {
  if (facts.size !== order.facts.size) return false;
  const how = 'in-place';
  const read = await order.intake.read({ id: 'comparison', path, facts, how, onBytes: () => {} });
  return read.kind === 'read' && read.digest === order.digest;
}

/** `talk.mp4`, `talk (2).mp4`, `talk (3).mp4` … for any bytes. */
export function numbered(name: Buffer, n: number): Buffer {
  if (n === 1) return name;
  const dot = name.lastIndexOf(0x2e);
  const at = dot <= 0 ? name.length : dot;
  return cutName(name.subarray(0, at), Buffer.concat([Buffer.from(` (${n})`), name.subarray(at)]));
}
