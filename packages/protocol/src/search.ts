/**
 * Search: GET /v1/search ?q= &kind= &asset= &assetKind= &run= &limit= &cursor= → SearchResults. Words are looked for together, without case and accents;
 * "a phrase", the beginning of a word with *, and -word for what must not be there.
 */
import { type Static, type TSchema, Type } from 'typebox';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const SearchHit = Type.Object(
  {
    assetId: Type.String(),
    filename: Type.String({ description: 'Newest name of the asset.' }),
    kind: Type.Union([Type.Literal('speech'), Type.Literal('screen'), Type.Literal('name')], {
      description: 'What is said, what is read in the picture, or what the file is called.',
    }),
    time: Nullable(Type.Number({ description: 'Seconds at which to start the player; null for a name.' })),
    start: Nullable(Type.Number({ description: 'Seconds; of the whole passage.' })),
    end: Nullable(Type.Number()),
    text: Type.String({ description: 'Plain text around the first match.' }),
    highlights: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()]), {
      description: 'Places in `text` of what was looked for: first character (UTF-16), one after the last.',
    }),
  },
  { $id: 'SearchHit' },
);
export type SearchHit = Static<typeof SearchHit>;

export const SearchResults = Type.Object(
  { items: Type.Array(Type.Ref('SearchHit')), cursor: Nullable(Type.String()) },
  { $id: 'SearchResults' },
);
export interface SearchResults {
  readonly items: SearchHit[];
  readonly cursor: string | null;
}
