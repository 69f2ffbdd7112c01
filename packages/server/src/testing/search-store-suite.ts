/** The conformance suite of `SearchStore`. */
import { expect } from 'vitest';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { Hit, Outdated, SearchRequest, SearchStore } from '../core/ports/search-store.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import { type Passage, parseQuery, passagesType } from '../core/search.ts';
import type { Check, Fixture, Suite } from './conformance.ts';
import { graph, now, publish, take } from './ledger-store-subject.ts';
import { sha256Of, unique } from './sample-upload.ts';

export interface SearchStores {
  readonly search: SearchStore;
  readonly ledger: LedgerStore;
  readonly uploads: UploadStore;
}

const all = 1_000;

export function passage(text: string, given: Partial<Passage> = {}): Passage {
  return { kind: 'speech', start: 1.5, end: 4.25, text, marks: [[0, 1.5]], ...given };
}

async function outdatedOf(search: SearchStore, assetId: string): Promise<Outdated | null> {
  return (await search.outdated(all)).find((each) => each.assetId === assetId) ?? null;
}

/** An asset with these passages, indexed. */
async function indexed(
  { search, uploads }: SearchStores,
  passages: readonly Passage[],
  given: Parameters<typeof publish>[2] = {},
): Promise<{ assetId: string; principal: string }> {
  const made = await publish(uploads, [], given);
  const outdated = await outdatedOf(search, made.assetId);
  if (outdated === null) throw new Error('A new asset is not marked as outdated.');
  expect(await search.replace(outdated, passages)).toBe('applied');
  return made;
}

function find(
  search: SearchStore,
  q: string,
  request: Omit<SearchRequest, 'query' | 'limit' | 'offset'>,
): Promise<Hit[]> {
  return search.search({ limit: 50, offset: 0, ...request, query: parseQuery(q) });
}

async function texts(...args: Parameters<typeof find>): Promise<string[]> {
  return (await find(...args)).map((hit) => hit.text);
}

export const scope = 'only passages of own assets, and own names of them, are found';
export const late = 'an index that is older than the text is not written over a newer one';
export const follows = 'a step that leaves passages outdates its asset, in the transaction that records it';

export const searchStoreChecks: readonly Check<SearchStores>[] = [
  {
    name: 'a text with characters that a program left in it by mistake is found as any other',
    run: async (stores) => {
      const { principal } = await indexed(stores, [
        passage('Page\u0000 one\u0001 of\ud800 two', { also: 'raw\u0000' }),
      ]);
      for (const q of ['page', 'one of', 'raw']) expect(await find(stores.search, q, { principal }), q).toHaveLength(1);
    },
  },
  {
    name: 'words, phrases, beginnings and exclusions find what they should, without case and accents',
    run: async (stores) => {
      const said = [
        'The Budget for the new Café was approved.',
        'No budget, no café: a new plan.',
        'Größe und Übermut',
        '東京の会議は月曜日です',
      ];
      const { principal } = await indexed(
        stores,
        said.map((text, i) => passage(text, { start: i })),
      );
      const found = async (q: string) =>
        (await texts(stores.search, q, { principal })).map((text) => said.indexOf(text)).sort();
      expect(await found('BUDGET cafe')).toEqual([0, 1]);
      expect(await found('"new cafe"')).toEqual([0]);
      expect(await found('"new cafe')).toEqual([0]);
      expect(await found('budget -approved')).toEqual([1]);
      expect(await found('budget -"no cafe"')).toEqual([0]);
      expect(await found('appr*')).toEqual([0]);
      expect(await found('appr')).toEqual([]);
      expect(await found('grosse ubermut')).toEqual([2]);
      expect(await found('会議')).toEqual([3]);
      expect(await found('議会')).toEqual([]);
      expect(await found('budget holiday')).toEqual([]);
    },
  },
  {
    name: 'what is typed never reaches the query language of the engine',
    run: async (stores) => {
      const { principal } = await indexed(stores, [passage("it's AND or NEAR not null; terms: x")]);
      const typed = [
        "it's",
        'AND',
        'or*',
        'NEAR(not null)',
        "'; drop table search_documents; --",
        'terms:x',
        '^it',
        'x & y | !z',
        'a:*b',
        '"it\'s" OR',
        '\\',
        '%',
        '***x',
        '(null',
        '{terms}: null',
        "''",
        'nu\u0000ll',
      ];
      for (const q of typed) {
        const outcome = await texts(stores.search, q, { principal }).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'invalid-request' });
        else expect(Array.isArray(outcome), q).toBe(true);
      }
      expect(await texts(stores.search, "it's", { principal })).toHaveLength(1);
      expect(await texts(stores.search, 'AND', { principal })).toHaveLength(1);
    },
  },
  {
    name: 'a hit has its place, its name and its marks',
    run: async (stores) => {
      const word = unique('word').replace(/[^a-z0-9]/gi, '');
      const marks = [
        [0, 10],
        [20, 14.5],
      ] as const;
      const { assetId, principal } = await indexed(
        stores,
        [passage(`First of all. Then ${word}.`, { kind: 'screen', start: 10, end: 20.25, marks, also: `uhm ${word}` })],
        { filename: 'Ünsere Besprechung.mp4' },
      );
      expect(await find(stores.search, word, { principal })).toEqual([
        {
          assetId,
          filename: 'Ünsere Besprechung.mp4',
          kind: 'screen',
          start: 10,
          end: 20.25,
          text: `First of all. Then ${word}.`,
          marks,
        },
      ]);
      expect(await find(stores.search, 'uhm', { principal })).toHaveLength(1);
      expect(await find(stores.search, 'besprechung', { principal, kinds: ['name'] })).toMatchObject([
        { assetId, kind: 'name', start: null, end: null, text: 'Ünsere Besprechung.mp4' },
      ]);
      expect(await find(stores.search, 'besprechung', { principal, kinds: ['speech', 'screen'] })).toEqual([]);
      expect(await find(stores.search, word, { principal, assetId: sha256Of('another') })).toEqual([]);
    },
  },
  {
    name: 'hits can be narrowed to kinds of assets, and to how their newest runs stand',
    run: async (stores) => {
      const principal = unique('principal');
      const word = unique('word').replace(/[^a-z0-9]/gi, '');
      for (const contentType of ['video/mp4', 'audio/flac', 'text/plain'])
        await indexed(stores, [passage(`${word} in ${contentType}`)], { principal, contentType });
      const failing = graph({ a: [] }, { attemptsMax: 1 });
      const { assetId } = await publish(stores.uploads, [failing.plan], { principal, contentType: 'video/webm' });
      const outdated = await outdatedOf(stores.search, assetId);
      expect(outdated && (await stores.search.replace(outdated, [passage(`${word} in video/webm`)]))).toBe('applied');
      const found = async (given: Partial<SearchRequest>) =>
        (await texts(stores.search, word, { principal, ...given })).map((text) => text.split(' ')[2]).sort();
      expect(await found({ assetKind: 'video' })).toEqual(['video/mp4', 'video/webm']);
      expect(await found({ assetKind: 'audio' })).toEqual(['audio/flac']);
      expect(await found({ assetKind: 'other' })).toEqual(['text/plain']);
      expect(await found({ runStates: ['running'] })).toEqual(['video/webm']);
      const { step } = await take(stores.ledger, failing.class, 'a');
      await stores.ledger.fail(step.key, step.fence, { reason: 'no', retryAt: null, now });
      expect(await found({ runStates: ['running', 'succeeded'] })).toEqual([]);
      expect(await found({ runStates: ['failed', 'cancelled'], assetKind: 'video' })).toEqual(['video/webm']);
      expect(await found({ runStates: [] })).toEqual([]);
    },
  },
  {
    name: scope,
    run: async (stores) => {
      const word = unique('secret').replace(/[^a-z0-9]/gi, '');
      const { principal } = await indexed(stores, [passage(`a ${word} plan`)], { filename: `${word}.mp4` });
      expect(await find(stores.search, word, { principal })).toHaveLength(2);
      expect(await find(stores.search, word, { principal: unique('stranger') })).toEqual([]);
      const other = await indexed(stores, [passage('nothing of that')]);
      expect(await find(stores.search, word, { principal: other.principal })).toEqual([]);
    },
  },
  {
    name: 'pages are parts of one order, each hit once',
    run: async (stores) => {
      const { principal } = await indexed(
        stores,
        Array.from({ length: 25 }, (_, i) => passage(`tree number ${i}`, { start: i, end: i + 1 })),
      );
      const query = parseQuery('tree');
      const whole = (await stores.search.search({ principal, query, limit: 100, offset: 0 })).map((hit) => hit.start);
      expect([...whole].sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([...Array(25).keys()]);
      const pages = [];
      for (let offset = 0; offset < 30; offset += 10)
        pages.push(...(await stores.search.search({ principal, query, limit: 10, offset })));
      expect(pages.map((hit) => hit.start)).toEqual(whole);
    },
  },
  {
    name: follows,
    run: async ({ search, ledger, uploads }) => {
      const steps = graph({ text: [], other: [] });
      const { assetId } = await publish(uploads, [steps.plan]);
      const first = await outdatedOf(search, assetId);
      expect(first && (await search.replace(first, []))).toBe('applied');
      expect(await outdatedOf(search, assetId)).toBeNull();
      const artifact = (claimKey: string, contentType: string) => ({
        stepKey: claimKey,
        name: 'a.json',
        contentType,
        size: 2,
        sha256: sha256Of('a'),
      });
      for (let step = 0; step < 2; step += 1) {
        const claim = await ledger.claim({ holder: 'node-a', now, leaseMs: 1_000, classes: [steps.class] });
        if (claim === null) throw new Error('No step is due.');
        const { key, fence, name } = claim.step;
        const artifacts = [artifact(key, name === 'text' ? passagesType : 'application/json')];
        expect(await ledger.succeed(key, fence, { output: {}, artifacts, now })).toBe('applied');
        expect((await outdatedOf(search, assetId)) !== null).toBe(name === 'text');
        const outdated = await outdatedOf(search, assetId);
        if (outdated) await search.replace(outdated, []);
      }
      expect((await search.sources(assetId)).map((each) => each.stepKey)).toEqual([steps.key('text')]);
    },
  },
  {
    name: late,
    run: async ({ search, uploads }) => {
      const { assetId, principal } = await publish(uploads);
      const old = await outdatedOf(search, assetId);
      await search.outdateAll();
      const newer = await outdatedOf(search, assetId);
      if (!old || !newer) throw new Error('The asset is not outdated.');
      expect(newer.wanted).toBeGreaterThan(old.wanted);
      expect(await search.replace(newer, [passage('newer words')])).toBe('applied');
      expect(await search.replace(old, [passage('older words')])).toBe('lost');
      expect(await search.replace(newer, [passage('newer words')])).toBe('lost');
      expect(await texts(search, 'words', { principal })).toEqual(['newer words']);
      expect(await outdatedOf(search, assetId)).toBeNull();
      await search.outdateAll();
      const again = await outdatedOf(search, assetId);
      expect(again && (await search.replace(again, [passage('newest')]))).toBe('applied');
      expect(await texts(search, 'words', { principal })).toEqual([]);
    },
  },
  {
    name: 'of a step that was done again in another way only the newest result counts',
    run: async ({ search, ledger, uploads }) => {
      const [one, two] = [graph({ text: [] }), graph({ text: [] }, { version: '2', key: sha256Of(unique('key')) })];
      const { assetId } = await publish(uploads, [one.plan, two.plan]);
      for (const [i, of] of [one, two].entries()) {
        const { step } = await take(ledger, of.class, 'text');
        const artifacts = [
          { stepKey: step.key, name: 'a.json', contentType: passagesType, size: 2, sha256: sha256Of('a') },
        ];
        await ledger.succeed(step.key, step.fence, { output: {}, artifacts, now: now + i });
      }
      expect((await search.sources(assetId)).map((each) => each.stepKey)).toEqual([two.plan.steps[0]?.key]);
    },
  },
];

export function searchStoreSuite(name: string, open: () => Promise<Fixture<SearchStores>>): Suite<SearchStores> {
  return { name: `search store: ${name}`, checks: searchStoreChecks, open };
}
