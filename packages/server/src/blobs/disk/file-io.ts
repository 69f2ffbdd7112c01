/**
 * The system calls that the disk stores make, as promises over numeric descriptors. Measured against FileHandle: the same (37 against
 * 40 µs of CPU per call), and numbers are simpler to keep in a cache. An interface, so that tests can make the disk misbehave.
 */
import fs from 'node:fs';

/** What a descriptor or a path points at. */
export interface FileFacts {
  readonly size: number;
  /** Bytes that have blocks behind them. */
  readonly allocated: number;
  /** Names that the file has; 0 once it was removed. */
  readonly links: number;
  readonly isFile: boolean;
  readonly inode: number;
}

/** All positions and sizes in bytes. Rejections are Node's system errors. */
export interface FileIo {
  open(path: string, flags: number): Promise<number>;
  close(fd: number): Promise<void>;
  /** May read less than asked; 0 at the end of the file. */
  read(fd: number, buffer: Uint8Array, position: number): Promise<number>;
  /** May write less than given. */
  writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number>;
  truncate(fd: number, size: number): Promise<void>;
  fdatasync(fd: number): Promise<void>;
  fsync(fd: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Facts of an open file. Synchronous: it never leaves the kernel's memory (about 2 µs) and would wait behind syncs in the thread pool. */
  facts(fd: number): FileFacts;
  /** Facts of a path, links not followed. */
  factsOf(path: string): Promise<FileFacts>;
  /** Bytes that this process may still allocate on the file system of `path`. */
  freeBytes(path: string): Promise<number>;
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function settled<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));
}

function factsFrom(stats: fs.Stats): FileFacts {
  return {
    size: stats.size,
    allocated: stats.blocks * 512,
    links: stats.nlink,
    isFile: stats.isFile(),
    inode: stats.ino,
  };
}

/** The real thing. Files are created with mode 0600. */
export const nodeFileIo: FileIo = {
  open: (path, flags) => settled((done) => fs.open(path, flags, 0o600, done)),
  close: (fd) => settled<void>((done) => fs.close(fd, (error) => done(error ?? null, undefined))),
  read: (fd, buffer, position) => settled((done) => fs.read(fd, buffer, 0, buffer.byteLength, position, done)),
  writev: (fd, buffers, position) => settled((done) => fs.writev(fd, buffers, position, done)),
  truncate: (fd, size) => settled<void>((done) => fs.ftruncate(fd, size, (error) => done(error, undefined))),
  fdatasync: (fd) => settled<void>((done) => fs.fdatasync(fd, (error) => done(error, undefined))),
  fsync: (fd) => settled<void>((done) => fs.fsync(fd, (error) => done(error, undefined))),
  rename: (from, to) => settled<void>((done) => fs.rename(from, to, (error) => done(error, undefined))),
  unlink: (path) => settled<void>((done) => fs.unlink(path, (error) => done(error, undefined))),
  facts: (fd) => factsFrom(fs.fstatSync(fd)),
  factsOf: async (path) => factsFrom(await settled<fs.Stats>((done) => fs.lstat(path, done))),
  freeBytes: async (path) => {
    const stats = await settled<fs.StatsFs>((done) => fs.statfs(path, done));
    return stats.bavail * stats.bsize;
  },
};
