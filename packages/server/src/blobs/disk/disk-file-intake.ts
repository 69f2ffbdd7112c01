/**
 * Takes files of this machine into a disk store. The file is brought under `scratch/` first (cloned, linked or copied, always with its
 * SHA-256), compared with what it was, and becomes an asset by one rename. What a crash leaves under `scratch/` is emptied at the next open.
 */
import { constants, type PathLike } from 'node:fs';
import { copyFile, link, lstat, open } from 'node:fs/promises';
import type { BytePath, FileIntake, Intake, IntakeRequest, ReadIn } from '../../core/ports/file-intake.ts';
import type { Sha256 } from '../../core/upload.ts';
import { type FileFacts, sameContent, sameFacts } from '../../core/watch.ts';
import type { DirectorySyncs } from './directory-syncs.ts';
import { factsFrom } from './file-facts.ts';
import type { FileIo } from './file-io.ts';
import type { HashPool } from './hash-pool.ts';
import { errnoOf, storeError, translated } from './io-errors.ts';
import type { DiskLayout } from './layout.ts';
import { sizeOf, unlinkIfThere } from './placement.ts';
import type { SpaceGuard } from './space-guard.ts';

export interface DiskFileIntakeParts {
  readonly layout: DiskLayout;
  readonly io: FileIo;
  readonly pool: HashPool;
  readonly space: SpaceGuard;
  readonly directories: DirectorySyncs;
}

const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What the file system says when it cannot clone or link this file to there. */
const cannot = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'EMLINK', 'ETXTBSY']);
/** The file is at fault, not the store. */
const theirs = new Set([
  'EACCES',
  'EPERM',
  'ENOENT',
  'ELOOP',
  'EIO',
  'ESTALE',
  'ENOTDIR',
  'ENOTCONN',
  'EISDIR',
  'ENXIO',
]);

type How = ReadIn['how'];

export class DiskFileIntake implements FileIntake {
  readonly #parts: DiskFileIntakeParts;

  constructor(parts: DiskFileIntakeParts) {
    this.#parts = parts;
  }

  async facts(path: BytePath): Promise<FileFacts | null> {
    try {
      const stats = await lstat(asPath(path), { bigint: true });
      return stats.isFile() ? factsFrom(stats) : null;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null;
      throw error;
    }
  }

  async head(path: BytePath, length: number): Promise<Uint8Array> {
    const file = await open(asPath(path), readOnly);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async read(request: IntakeRequest): Promise<Intake> {
    const scratch = this.#parts.layout.intakeFile(request.id);
    const discard = () => unlinkIfThere(this.#parts.io, scratch).catch(() => {});
    try {
      const before = await this.facts(request.path);
      if (before === null) return { kind: 'changed', reason: 'it is not there any more' };
      if (!sameFacts(before, request.facts)) return { kind: 'changed', reason: 'it changed' };
      // Found readable first, so that a failure from here on is the store's.
      await (await open(asPath(request.path), readOnly)).close();
      await unlinkIfThere(this.#parts.io, scratch);
      const how = await this.#bring(request, scratch);
      const linked = how === 'link' ? await this.facts(request.path) : before;
      const digest = await this.#digest(request, how, scratch);
      const after = await this.facts(request.path);
      if (after === null || linked === null || !sameFacts(after, linked) || !sameContent(after, before)) {
        await discard();
        return { kind: 'changed', reason: 'it changed while it was read' };
      }
      const place = () => this.#place({ scratch, digest, size: after.size, how });
      return { kind: 'read', digest, size: after.size, how, facts: after, place, discard };
    } catch (error) {
      await discard();
      return this.#failed(error, request.path);
    }
  }

  async copy({ from, size, to }: { from: BytePath; size: number; to: BytePath }): Promise<Sha256> {
    const file = await open(asPath(to), 'wx', 0o644);
    try {
      const { sha256 } = await this.#parts.pool.join(to, [{ path: from, size }]);
      await file.sync();
      return sha256;
    } finally {
      await file.close();
    }
  }

  /** Gets a name for the bytes under `scratch/` where that costs no reading. */
  async #bring(request: IntakeRequest, scratch: string): Promise<How> {
    const { how, path } = request;
    if (how === 'in-place' || how === 'copy') return how;
    try {
      if (how === 'link') {
        await link(asPath(path), scratch);
        return 'link';
      }
      await copyFile(asPath(path), scratch, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return 'reflink';
    } catch (error) {
      if (!cannot.has(errnoOf(error) ?? '')) throw error;
      await unlinkIfThere(this.#parts.io, scratch);
      return 'copy';
    }
  }

  async #digest(request: IntakeRequest, how: How, scratch: string): Promise<Sha256> {
    const { io, pool, space } = this.#parts;
    const { facts, path, onBytes } = request;
    const { size } = facts;
    if (how !== 'copy') {
      const read = how === 'in-place' ? path : scratch;
      return await pool.digestFile({ path: read, size, algorithm: 'sha-256', awaited: false }, onBytes);
    }
    await space.require(size);
    await io.close(await io.open(scratch, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL));
    return (await pool.join(scratch, [{ path, size }], onBytes)).sha256;
  }

  /** What was read just now replaces what is there already, of which only the size is known; a link does so only where that is damaged. */
  async #place(made: { scratch: string; digest: Sha256; size: number; how: How }): Promise<void> {
    if (made.how === 'in-place') return;
    const { io, layout, directories } = this.#parts;
    const asset = layout.assetFile(made.digest);
    await translated('placing an asset', async () => {
      const sound = made.how === 'link' && (await sizeOf(io, asset)) === made.size && (await this.#holds(asset, made));
      if (!sound) {
        const fd = await io.open(made.scratch, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          await io.fsync(fd);
        } finally {
          await io.close(fd);
        }
        await io.rename(made.scratch, asset);
      }
      await directories.sync(layout.assetFolder(made.digest));
      await unlinkIfThere(io, made.scratch);
    });
  }

  async #holds(path: string, { size, digest }: { size: number; digest: Sha256 }): Promise<boolean> {
    return (await this.#parts.pool.digestFile({ path, size, algorithm: 'sha-256', awaited: false }, null)) === digest;
  }

  /** A file that cannot be read is told apart from a store that cannot take it. */
  async #failed(error: unknown, path: BytePath): Promise<Intake> {
    const code = errnoOf(error);
    if (code !== null && theirs.has(code)) return { kind: 'unreadable', reason: `it cannot be read (${code})` };
    const now = await this.facts(path).catch(() => null);
    if (now === null) return { kind: 'changed', reason: 'it is not there any more' };
    const short = error instanceof Error && 'code' in error && error.code === 'storage-damaged';
    if (short) return { kind: 'changed', reason: 'it became shorter while it was read' };
    throw storeError('taking a file in', error);
  }
}

/** Node takes any bytes as a path; its types only know Buffers. */
function asPath(path: BytePath): PathLike {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}
