/** The project's own source files, as the tidy test sees them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
}

/** Files that git knows or would add, so that ignored build output never counts. */
export function trackedFiles(): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n');
  return listed.filter((path) => path !== '' && existsSync(join(root, path)));
}

export function sourceFiles(): SourceFile[] {
  return trackedFiles()
    .filter((path) => /^(?:packages|apps)\/[^/]+\/src\/.*\.tsx?$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8'), isTest: /\.test\.tsx?$/.test(path) }));
}

const specifier =
  /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g;
const sibling =
  /siblingModule\(import\.meta\.url,\s*['"]([^'"]+)['"]\)|new URL\(\s*['"](\.[^'"]+)['"],\s*import\.meta\.url\s*\)/g;

/** What a file imports, as written. */
export function importsOf(file: SourceFile): string[] {
  return [...file.text.matchAll(specifier)].map((m) => m[1] ?? m[2] ?? m[3] ?? '').filter((name) => name !== '');
}

/** Paths of project files that a file imports or starts as a worker. */
export function localImportsOf(file: SourceFile): string[] {
  const relative = importsOf(file).filter((name) => name.startsWith('.'));
  const workers = [...file.text.matchAll(sibling)]
    .map((m) => m[1] ?? m[2] ?? '')
    .map((name) => (name.startsWith('.') ? name : `./${name}`));
  return [...relative, ...workers]
    .map((name) => normalize(join(dirname(file.path), name)))
    .map((path) => (/\.\w+$/.test(path) ? path : `${path}.ts`));
}
