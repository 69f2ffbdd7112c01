/**
 * Notices of changes, as a hint that a scan is worth it; scans are the truth. One inotify watch for each directory, none for files.
 * When the system has no more watches, what there is stays and the rest is seen on the interval.
 */
import { type FSWatcher, watch } from 'node:fs';
import { codeOf } from './walk.ts';

/** `fs.inotify.max_user_watches`, `fs.inotify.max_user_instances`. */
const exhausted = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);

export class ChangeHints {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
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
  follow(dirs: ReadonlyMap<string, Buffer>): boolean {
    const before = new Set(this.#watchers.keys());
    for (const [key, watcher] of this.#watchers) {
      if (dirs.has(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    this.#problem = null;
    for (const [key, path] of dirs) {
      if (this.#watchers.has(key)) continue;
      if (!this.#add(key, path)) break;
    }
    return [...this.#watchers.keys()].some((key) => !before.has(key));
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** False when there is no use in trying more of them. */
  #add(key: string, path: Buffer): boolean {
    try {
      const watcher = this.#watch(path, { persistent: false }, () => this.#onChange());
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(key);
        this.#onChange();
      });
      this.#watchers.set(key, watcher);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (!exhausted.has(code)) return true;
      this.#problem = `no more inotify watches (${code}): changes in some directories are seen at the next scan; raise fs.inotify.max_user_watches`;
      return false;
    }
  }
}
