/** /v1/search: what is said, what is read in pictures, what files are called. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { SearchHit, SearchResults } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { Hit } from '../../core/ports/search-store.ts';
import { type HitKind, hitKinds, parseQuery, type SearchQuery, snippetOf, timeAt } from '../../core/search.ts';
import { AssetKindFilter, RunFilter, runStatesOf } from './asset-filters.ts';
import type { NativeContext } from './context.ts';

const tags = ['search'];
/** Further hits are found by asking more precisely. */
const offsetMax = 10_000;

export function searchRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const querystring = Type.Object({
      q: Type.String({ minLength: 1, maxLength: 500, description: 'Words, "a phrase", begin*, -without.' }),
      kind: Type.Optional(
        Type.String({ maxLength: 64, description: 'speech, screen, name, or several of them, separated by commas.' }),
      ),
      asset: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Only in this asset.' })),
      assetKind: AssetKindFilter,
      run: RunFilter,
      limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
      cursor: Type.Optional(Type.String({ maxLength: 64 })),
    });
    const response = { 200: Type.Ref('SearchResults'), '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };
    app.get(
      '/v1/search',
      { schema: { tags, summary: 'Find in speech, on screen and in names', querystring, response } },
      async (request): Promise<SearchResults> => {
        const { q, kind, asset, assetKind, run, limit, cursor } = request.query;
        const principal = context.principal(request);
        const query = parseQuery(q);
        const offset = cursor === undefined ? 0 : offsetOf(cursor);
        const hits = await context.search.search({
          principal,
          query,
          limit: limit + 1,
          offset,
          ...(asset === undefined ? {} : { assetId: asset }),
          ...(kind === undefined ? {} : { kinds: kindsOf(kind) }),
          ...(assetKind === undefined ? {} : { assetKind }),
          ...(run === undefined ? {} : { runStates: runStatesOf(run) }),
        });
        const more = hits.length > limit && offset + limit < offsetMax;
        return {
          items: hits.slice(0, limit).map((hit) => render(hit, query)),
          cursor: more ? Buffer.from(`hits:${offset + limit}`).toString('base64url') : null,
        };
      },
    );
  };
}

function kindsOf(text: string): HitKind[] {
  return text.split(',').map((word) => {
    const kind = hitKinds.find((known) => known === word.trim());
    if (!kind)
      throw new HoldfastError('invalid-request', `"${word}" is not a kind of place; they are ${hitKinds.join(', ')}.`, {
        details: { field: 'kind' },
      });
    return kind;
  });
}

function render(hit: Hit, query: SearchQuery): SearchHit {
  const { text, highlights, place } = snippetOf(hit.text, query);
  const { assetId, filename, kind, start, end, marks } = hit;
  const time = start === null ? null : timeAt({ start, marks }, place);
  return { assetId, filename, kind, time, start, end, text, highlights: highlights.map(([from, to]) => [from, to]) };
}

function offsetOf(cursor: string): number {
  const found = /^hits:(\d{1,5})$/.exec(Buffer.from(cursor, 'base64url').toString());
  const offset = Number(found?.[1]);
  if (!found || offset > offsetMax)
    throw new HoldfastError('invalid-request', 'The cursor is not one that this server gave out.', {
      details: { field: 'cursor' },
    });
  return offset;
}
