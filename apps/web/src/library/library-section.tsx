import { useEffect, useId, useRef } from 'react';
import { Icon } from '../app/icon.tsx';
import { plural } from '../format/format.ts';
import { useNavigation } from '../routing/navigation.tsx';
import { useNow } from '../uploads/use-uploads.ts';
import { AssetCard } from './asset-card.tsx';
import type { AssetKind, LibraryFilter, LibraryState, Stage } from './library.ts';
import { SearchResults } from './search-results.tsx';
import { useLibrary, useTimer } from './use-library.ts';

/** Everything that was stored. `search`: what is looked for in names, in what is said and in what is shown. */
export function LibrarySection({ search }: { search: string }) {
  const { state, library } = useLibrary(search);
  const now = useNow(30_000);
  const searching = search !== '';
  return (
    <section className="section" aria-labelledby="library-title">
      <div className="section-head library-head">
        <h2 id="library-title">Library</h2>
        <SearchField search={search} />
      </div>
      <Filters filter={state.filter} onNarrow={library.narrow} />
      {searching ? <SearchResults words={search} kind={state.filter.kind} stage={state.filter.stage} /> : null}
      {searching ? <h3 className="found-title">In names</h3> : null}
      <p className="visually-hidden" role="status">
        {searching && state.loading !== 'first' ? foundWords(state) : ''}
      </p>
      {state.items.length === 0 ? <EmptyLibrary state={state} /> : null}
      <ul className="cards">
        {state.items.map((asset) => (
          <AssetCard key={asset.id} asset={asset} now={now} />
        ))}
      </ul>
      {state.cursor === null ? null : (
        <button
          type="button"
          className="button load-more"
          onClick={library.loadMore}
          aria-disabled={state.loading === 'more'}
        >
          {state.loading === 'more' ? 'Loading …' : 'Load more'}
        </button>
      )}
    </section>
  );
}

const searchWaitMs = 250;

/** What is looked for stands in the address, so that going back from a film leads to what was found. */
function SearchField({ search }: { search: string }) {
  const { replace } = useNavigation();
  const soon = useTimer();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Another address, not our own typing: a link, or a step back.
    if (field.current !== null && field.current.value.trim() !== search) field.current.value = search;
  }, [search]);
  return (
    <search className="search">
      <Icon name="search" />
      <label htmlFor={id} className="visually-hidden">
        Search in names, speech and pictures
      </label>
      <input
        id={id}
        ref={field}
        type="search"
        maxLength={200}
        placeholder="Search names, speech, pictures"
        defaultValue={search}
        onChange={(event) => {
          const words = event.target.value.trim();
          soon(() => replace(words === '' ? { page: 'home' } : { page: 'home', search: words }), searchWaitMs);
        }}
      />
    </search>
  );
}

const kinds: readonly { readonly kind: AssetKind | null; readonly words: string }[] = [
  { kind: null, words: 'All' },
  { kind: 'video', words: 'Video' },
  { kind: 'audio', words: 'Sound' },
  { kind: 'other', words: 'Other' },
];

const stages: readonly { readonly stage: Stage | null; readonly words: string }[] = [
  { stage: null, words: 'Any state' },
  { stage: 'running', words: 'Being processed' },
  { stage: 'failed', words: 'Failed' },
  { stage: 'done', words: 'Done' },
];

function Filters({ filter, onNarrow }: { filter: LibraryFilter; onNarrow: (change: Partial<LibraryFilter>) => void }) {
  return (
    <div className="filters">
      <fieldset className="segments">
        <legend className="visually-hidden">Kind</legend>
        {kinds.map(({ kind, words }) => (
          <button
            key={words}
            type="button"
            className="segment"
            aria-pressed={filter.kind === kind}
            onClick={() => onNarrow({ kind })}
          >
            {words}
          </button>
        ))}
      </fieldset>
      <fieldset className="segments">
        <legend className="visually-hidden">State</legend>
        {stages.map(({ stage, words }) => (
          <button
            key={words}
            type="button"
            className="segment"
            aria-pressed={filter.stage === stage}
            onClick={() => onNarrow({ stage })}
          >
            {words}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

/** Said once for each search, and not again with every file that arrives. */
function foundWords({ items, cursor, error }: LibraryState): string {
  if (error !== null) return '';
  return `${cursor === null ? '' : 'The first '}${plural(items.length, 'file')} found by name`;
}

function EmptyLibrary({ state }: { state: LibraryState }) {
  if (state.loading === 'first') return <CardGhosts />;
  return <p className={state.filter.filename === '' ? 'empty' : 'quiet'}>{emptyWords(state)}</p>;
}

function emptyWords({ error, filter: { filename, kind, stage } }: LibraryState): string {
  if (error !== null) return 'The library is shown as soon as the server answers.';
  const narrowed = kind !== null || stage !== null;
  if (filename !== '') return `Nothing ${narrowed ? 'of that kind and state' : 'here'} has “${filename}” in its name.`;
  if (narrowed) return 'Nothing is of that kind and in that state.';
  return 'Nothing here yet. The first file that arrives shows up here by itself.';
}

/** The place that the cards will take. */
function CardGhosts() {
  return (
    <ul className="cards" aria-hidden="true">
      {['a', 'b', 'c', 'd'].map((key) => (
        <li key={key} className="card ghost">
          <div className="card-picture" />
        </li>
      ))}
    </ul>
  );
}
