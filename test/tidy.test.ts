/** Style is a test: what the compiler and the linter cannot see. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { functionsOf } from './tidy/functions.ts';
import { importsOf, localImportsOf, root, type SourceFile, sourceFiles, trackedFiles } from './tidy/source.ts';

const fileLinesMax = 300;
const functionLinesMax = 70;
// Three is the aim; the rules of core take four: facts, extent, command, time.
const parametersMax = 4;

const files = sourceFiles();
const product = files.filter((file) => !file.isTest);
const byPath = new Map(files.map((file) => [file.path, file]));

/** A list of SQL statements is data that happens to stand in a function. */
const statementLists = /\/state\/sql\/(?:[\w-]+-queries|migrations\/[\w-]+)\.ts$/;

describe('sizes', () => {
  test(`files have at most ${fileLinesMax} lines`, () => {
    expect(
      files.map((f) => ({ path: f.path, lines: f.text.split('\n').length - 1 })).filter((f) => f.lines > fileLinesMax),
    ).toEqual([]);
  });

  test(`functions have at most ${functionLinesMax} lines and ${parametersMax} parameters`, () => {
    const long = product
      .filter((f) => !statementLists.test(f.path))
      .flatMap((file) => functionsOf(file).map((f) => ({ path: file.path, ...f })));
    expect(long.filter((f) => f.lines > functionLinesMax || f.parameters > parametersMax)).toEqual([]);
  });

  test('no file is a dumping ground', () => {
    const banned = /(?:^|[/-])(?:utils?|helpers?|misc|common|types|shared)\.tsx?$/;
    expect(files.filter((f) => banned.test(f.path)).map((f) => f.path)).toEqual([]);
  });
});

/** Calls that belong in one place; elsewhere the named thing is passed in. */
const banned: readonly { readonly call: RegExp; readonly instead: string; readonly allowed: RegExp }[] = [
  {
    call: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    instead: 'a Clock that is passed in',
    allowed:
      /^packages\/server\/src\/(?:platform|testing|cli)\/|^packages\/client\/src\/(?:node\/)?runtime|^apps\/web\//,
  },
  {
    call: /\bMath\.random\(/,
    instead: 'randomness that is passed in',
    allowed: /^packages\/server\/src\/(?:platform|cli)\/|^packages\/client\/src\/(?:node\/)?runtime|^apps\/web\//,
  },
  {
    call: /(?<!\bsocket\.)\bset(?:Timeout|Interval)\(/,
    instead: 'clock.after',
    allowed:
      /^packages\/server\/src\/(?:platform|testing|cli)\/|^packages\/client\/src\/(?:node\/)?runtime|^apps\/web\//,
  },
  {
    call: /\bprocess\.env\b/,
    instead: 'the configuration',
    allowed: /^packages\/server\/src\/(?:cli|platform|testing)\//,
  },
  { call: /\bconsole\.(?:log|error|warn|info)\(/, instead: 'the log, or the command line’s output', allowed: /^$/ },
  { call: /\bexecSync\(|\bspawnSync\(|shell:\s*true/, instead: 'a child process without a shell', allowed: /^$/ },
];

describe('banned calls', () => {
  test.each(banned)('$call has its place; elsewhere: $instead', ({ call, allowed }) => {
    const code = (file: SourceFile) => file.text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    expect(product.filter((f) => !allowed.test(f.path) && call.test(code(f))).map((f) => f.path)).toEqual([]);
  });
});

/** Layer of the server package → layers that it may import. The compiler refuses the same; this says it in words. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  platform: ['core'],
  config: ['core', 'platform'],
  uploads: ['core'],
  state: ['core', 'platform'],
  blobs: ['core', 'platform'],
  pipeline: ['core', 'platform'],
  webhooks: ['core'],
  watch: ['core', 'uploads'],
  dialects: ['core', 'uploads'],
  http: ['core', 'uploads', 'dialects'],
  testing: ['core', 'platform', 'state', 'blobs', 'uploads'],
};

describe('imports', () => {
  test('run in the direction of the layers', () => {
    const wrong = product.flatMap((file) => {
      const from = layerOf(file.path);
      const allowed = from === null ? undefined : layers[from];
      if (from === null || !allowed) return [];
      const targets = localImportsOf(file).map(layerOf);
      return targets
        .filter((to) => to !== from && (to === null || !allowed.includes(to)))
        .map((to) => `${file.path} → ${to}`);
    });
    expect(wrong).toEqual([]);
  });

  test('dialects never import each other', () => {
    const dialect = (path: string) => /\/dialects\/([^/]+)\//.exec(path)?.[1];
    const wrong = product.filter(
      (f) => dialect(f.path) && localImportsOf(f).some((to) => dialect(to) && dialect(to) !== dialect(f.path)),
    );
    expect(wrong.map((f) => f.path)).toEqual([]);
  });

  test('core is pure: no node modules beside types', () => {
    const impure = product.filter(
      (f) =>
        f.path.startsWith('packages/server/src/core/') &&
        importsOf(f).some((name) => name.startsWith('node:') && !typeOnly(f, name)),
    );
    expect(impure.map((f) => f.path)).toEqual([]);
  });

  test('client and server meet only in protocol', () => {
    const client = product.filter(
      (f) =>
        f.path.startsWith('packages/client/') &&
        importsOf(f).some((name) => name === 'holdfast' || name.startsWith('holdfast/')),
    );
    expect(client.map((f) => f.path)).toEqual([]);
  });

  test('have no cycles', () => {
    expect(cycles(product)).toEqual([]);
  });

  test('reach every file from an entry', () => {
    const entries = [/\/index\.ts$/, /\/cli\/main\.ts$/, /^apps\/web\/src\/main\.tsx$/, /\/migrations\//];
    const reached = new Set<string>();
    const visit = (path: string) => {
      const file = byPath.get(path);
      if (!file || reached.has(path)) return;
      reached.add(path);
      for (const next of localImportsOf(file)) visit(next);
    };
    // Suites and processes for tests are entered by the tests.
    for (const file of files) if (file.isTest || entries.some((e) => e.test(file.path))) visit(file.path);
    expect(product.filter((f) => !reached.has(f.path) && !f.path.endsWith('.d.ts')).map((f) => f.path)).toEqual([]);
  });
});

describe('documents', () => {
  test('links between files of the project lead somewhere', () => {
    const documents = trackedFiles().filter((path) => path.endsWith('.md'));
    const dead = documents.flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8').replace(/```[\s\S]*?```/g, '');
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((m) => (m[1] ?? '').split('#')[0] ?? '');
      return links
        .filter((link) => link !== '' && !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(path), link)))
        .map((link) => `${path} → ${link}`);
    });
    expect(dead).toEqual([]);
  });

  test('packages export files that exist', () => {
    const manifests = trackedFiles().filter((path) => /^packages\/[^/]+\/package\.json$/.test(path));
    const missing = manifests.flatMap((path) => {
      const { exports = {} } = JSON.parse(readFileSync(join(root, path), 'utf8')) as {
        exports?: Record<string, unknown>;
      };
      const targets = Object.values(exports).flatMap((target) =>
        typeof target === 'string' ? [target] : Object.values(target as Record<string, string>),
      );
      return targets
        .filter((target) => !existsSync(join(root, dirname(path), target)))
        .map((target) => `${path} → ${target}`);
    });
    expect(missing).toEqual([]);
  });
});

function layerOf(path: string): string | null {
  return /^packages\/server\/src\/([^/]+)\//.exec(path)?.[1] ?? null;
}

function typeOnly(file: SourceFile, name: string): boolean {
  return new RegExp(`import type [^;]*from '${name}'`).test(file.text);
}

/** Files on an import cycle; type-only imports do not count, because nothing of them is left at run time. */
function cycles(all: readonly SourceFile[]): string[][] {
  const graph = new Map(
    all.map((f) => [f.path, localImportsOf({ ...f, text: f.text.replace(/import type [^;]*;/g, '') })]),
  );
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) found.push([...trail.slice(at), path]);
    if (at !== -1 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}
