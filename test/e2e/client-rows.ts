/** The rows of the matrix: which clients speak which protocol, and what they can do in it. */
import { readFileSync } from 'node:fs';
import type { Feature, Row } from './client-matrix.ts';

function released(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${(JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version}`;
}

const tusJs = released('tus-js-client');
const tusPage = `${tusJs} in Chromium`;
const tusNode = `${tusJs} in Node.js`;
const tus = 'tus 1.0.0';
const draft6 = 'IETF draft, interop 6 (`ietf-draft-05`)';
const draft5 = 'IETF draft, interop 5 (`ietf-draft-03`)';
const inDraft: readonly Feature[] = [
  'whole',
  'chunks',
  'with creation',
  'length later',
  'override',
  'goes on',
  'cancel',
];
const inTus: readonly Feature[] = [...inDraft, 'parallel'];
const inForms: readonly Feature[] = ['chunks', 'parallel', 'goes on', 'cancel'];

export const rows = {
  tusPage: { protocol: tus, client: tusPage, can: [...inTus, 'other origin'] },
  tusNode: { protocol: tus, client: tusNode, can: inTus },
  uppy: {
    protocol: tus,
    client: `${released('@uppy/tus')} in Chromium`,
    can: ['whole', 'chunks', 'parallel', 'with creation', 'override', 'goes on', 'cancel', 'other origin'],
  },
  tuspy: {
    protocol: tus,
    client: 'tuspy (`python3-tuspy` of Debian)',
    can: ['whole', 'chunks', 'goes on', 'checksum'],
  },
  tusCurl: { protocol: tus, client: 'curl', can: [...inTus, 'checksum'] },
  draft6Page: { protocol: draft6, client: tusPage, can: [...inDraft, 'other origin'] },
  draft6Node: { protocol: draft6, client: tusNode, can: inDraft },
  draft5Page: { protocol: draft5, client: tusPage, can: [...inDraft, 'other origin'] },
  draft5Node: { protocol: draft5, client: tusNode, can: inDraft },
  draft8Curl: {
    protocol: 'IETF draft, interop 8',
    client: 'curl',
    can: ['whole', 'chunks', 'with creation', 'length later', 'goes on', 'checksum', 'cancel'],
  },
  nativeCurl: { protocol: 'native', client: 'curl', can: ['whole', ...inForms, 'checksum'] },
  formCurl: { protocol: 'chunked form', client: 'curl', can: inForms },
  recordingsCurl: { protocol: 'recordings', client: 'curl', can: [...inForms, 'checksum'] },
} as const satisfies Readonly<Record<string, Row>>;
