import { useId } from 'react';
import { Icon } from '../app/icon.tsx';
import { usePageTitle } from '../app/page-title.ts';
import { UploadSection } from '../uploads/upload-section.tsx';
import { useNow } from '../uploads/use-uploads.ts';
import { AssetCard } from './asset-card.tsx';
import type { LibraryState } from './library.ts';
import { type LibraryView, useLibrary } from './use-library.ts';

export function HomePage({ search: _search }: { search: string }) {
  usePageTitle(null);
  return (
    <>
      <UploadSection />
      <LibrarySection view={useLibrary()} />
    </>
  );
}

function LibrarySection({ view: { state, library, filterSoon } }: { view: LibraryView }) {
  const now = useNow(30_000);
  const field = useId();
  return (
    <section className="section" aria-labelledby="library-title">
      <div className="section-head">
        <h2 id="library-title">Library</h2>
        <search className="search">
          <Icon name="search" />
          <label htmlFor={field} className="visually-hidden">
            Filter by name
          </label>
          <input
            id={field}
            type="search"
            placeholder="Filter by name"
            onChange={(event) => filterSoon(event.target.value)}
          />
        </search>
      </div>
      <p className="visually-hidden" role="status">
        {state.filter !== '' && state.loading === null ? `${state.items.length} found` : ''}
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

function EmptyLibrary({ state }: { state: LibraryState }) {
  if (state.loading === 'first') return <CardGhosts />;
  const words =
    state.error !== null
      ? 'The library is shown as soon as the server answers.'
      : state.filter !== ''
        ? `Nothing here has “${state.filter}” in its name.`
        : 'Nothing here yet. The first file that arrives shows up here by itself.';
  return <p className="empty">{words}</p>;
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
