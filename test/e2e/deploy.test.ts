/** E2: what is under deploy/ can be read, and every setting and metric in it exists. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ConfigSchema } from '../../packages/server/src/config/schema.ts';
import { ServerProcess } from './server-process.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../deploy');
const read = (path: string) => readFile(join(root, path), 'utf8');
const files = [
  'systemd/holdfast.service',
  'container/Dockerfile',
  'container/compose.yaml',
  'kubernetes/holdfast.yaml',
];

function settingOf(name: string): string {
  const words = name.slice('HOLDFAST_'.length).toLowerCase();
  return words.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

test.each(files)('every setting in deploy/%s exists', async (path) => {
  const known = new Set(Object.keys(ConfigSchema.properties));
  const names = [...new Set((await read(path)).match(/\bHOLDFAST_[A-Z0-9_]+/g))];
  expect(names.length).toBeGreaterThan(0);
  const hasS3 = known.has('s3Endpoint');
  const unknown = names.filter((name) => !known.has(settingOf(name)) && (hasS3 || !name.startsWith('HOLDFAST_S3_')));
  expect(unknown).toEqual([]);
});

test('compose, Kubernetes and Prometheus files are well-formed', async () => {
  const compose = parse(await read('container/compose.yaml'), { merge: true }) as {
    services: Record<string, { environment?: Record<string, string>; image: string }>;
  };
  expect(Object.keys(compose.services).sort()).toEqual(['node-1', 'node-2', 'postgres', 'proxy', 's3']);
  expect(compose.services['node-2']?.environment).toMatchObject({
    HOLDFAST_NODE_NAME: 'node-2',
    HOLDFAST_BLOBS: 's3://holdfast',
  });
  const documents = parseAllDocuments(await read('kubernetes/holdfast.yaml'));
  expect(documents.flatMap((document) => document.errors)).toEqual([]);
  const kinds = documents.map((document) => (document.toJS() as { kind: string }).kind);
  expect(kinds).toEqual(['ConfigMap', 'StatefulSet', 'StatefulSet', 'Service', 'Ingress']);
  const { groups } = parse(await read('prometheus/alerts.yaml')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(new Set(rules.map((rule) => rule.alert)).size).toBe(rules.length);
});

test('every metric of the dashboard and of the alerts is one that a server tells', async () => {
  const dashboard = JSON.parse(await read('grafana/holdfast.json')) as { panels: { targets: { expr: string }[] }[] };
  const { groups } = parse(await read('prometheus/alerts.yaml')) as { groups: { rules: { expr: string }[] }[] };
  const expressions = [
    ...dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr)),
    ...groups.flatMap((group) => group.rules.map((rule) => rule.expr)),
  ];
  const used = new Set(expressions.join(' ').match(/\b(?:holdfast|http|process|nodejs)_[a-z0-9_]+/g));
  expect(used.size).toBeGreaterThan(15);
  const watched = await mkdtemp(join(tmpdir(), 'holdfast-deploy-'));
  await using server = await ServerProcess.start({
    args: ['--no-pipeline'],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_WATCH: watched },
  });
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const told = new Set(text.match(/^# TYPE \S+/gm)?.map((line) => line.slice('# TYPE '.length)));
  const family = (name: string) => (told.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, ''));
  expect([...used].filter((name) => !told.has(family(name)))).toEqual([]);
  await rm(watched, { recursive: true, force: true });
});

test('systemd takes the unit', async () => {
  const run = promisify(execFile);
  const path = join(root, 'systemd/holdfast.service');
  const { stderr } = await run('systemd-analyze', ['verify', path]).catch(
    (error: { code?: string; stderr?: string }) => {
      if (error.code === 'ENOENT') return { stderr: '' };
      return { stderr: error.stderr ?? String(error) };
    },
  );
  // What the unit starts is not installed on a developer's machine.
  expect(stderr.split('\n').filter((line) => line !== '' && !/is not executable|Failed to connect/.test(line))).toEqual(
    [],
  );
});
