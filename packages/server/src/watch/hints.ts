/**
 * Notices of changes, as a hint that a scan is worth it; scans are the truth. One inotify watch for each directory, none for files.
 * When the system has no more watches, what there is stays and the rest is seen on the interval.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { codeOf } from './walk.ts';

/** `fs.inotify.max_user_watches`, `fs.inotify.max_user_instances`. */
const exhausted = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);

export interface SeenDirectory {
  readonly path: Buffer;
  /** Another one in its place has another. */
  readonly inode: string;
}

interface Followed {
  readonly watcher: FSWatcher;
  readonly inode: string;
}

export class ChangeHints {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, Followed>();
  readonly #watch: typeof watch;
  #problem: string | null = null;

  /** `watch` is Node's; tests pass one that has no more watches. */
  constructor(onChange: () => void, watchWith: typeof watch = watch) {
    this.#onChange = onChange;
    this.#watch = watchWith;
  }

  /** Why changes are not noticed at once everywhere; null when all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Notices changes in these directories from now on, and in no others. Keys name them. True when some are new: what came in them before is not told. */
  follow(dirs: ReadonlyMap<string, SeenDirectory>): boolean {
    for (const [key, { inode }] of this.#watchers) if (dirs.get(key)?.inode !== inode) this.#forget(key);
    const before = new Set(this.#watchers.keys());
    this.#problem = null;
    for (const [key, dir] of dirs) {
      if (this.#watchers.has(key)) continue;
      if (!this.#add(key, dir)) break;
    }
    return [...this.#watchers.keys()].some((key) => !before.has(key));
  }

  close(): void {
    for (const key of [...this.#watchers.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    this.#watchers.get(key)?.watcher.close();
    this.#watchers.delete(key);
  }

  /** False when there is no use in trying more of them. */
  #add(key: string, { path, inode }: SeenDirectory): boolean {
    // Its own name is told when it is deleted or moved; the next one in its place may get the same inode.
    const own = basename(path.toString('latin1'));
    try {
      const watcher = this.#watch(path, { persistent: false, encoding: 'latin1' }, (event, name) => {
        if (event === 'rename' && name === own && this.#watchers.get(key)?.watcher === watcher) this.#forget(key);
        this.#onChange();
      });
      watcher.on('error', () => {
        if (this.#watchers.get(key)?.watcher === watcher) this.#forget(key);
        this.#onChange();
      });
      this.#watchers.set(key, { watcher, inode });
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (!exhausted.has(code)) return true;
      this.#problem = `no more inotify watches (${code}): changes in some directories are seen at the next scan; raise fs.inotify.max_user_watches`;
      return false;
    }
  }
}
