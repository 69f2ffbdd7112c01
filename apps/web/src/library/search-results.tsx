import type { SearchResults as Page, SearchHit } from '@holdfast/protocol';
import { useEffect, useMemo, useState } from 'react';
import type { PlaceQuery } from '../api/api.ts';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { type ArtifactReader, createArtifactReader } from '../asset/artifact-reader.ts';
import { artifactOf } from '../asset/asset-view.ts';
import { partsOf } from '../asset/find-text.ts';
import { pictureWithin, readStoryboard, type StoryboardPicture } from '../asset/storyboard.ts';
import { formatTimecode, plural } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { type Loaded, useResource } from '../state/resource.ts';
import { useWatchable } from '../state/store.ts';
import { createFurtherHits, hitId, hitsOf } from './further-hits.ts';

/** Where the words are said or shown: a picture of the moment, the time, the words around it. Each leads to that place. */
export function SearchResults({ words, kind, stage }: Omit<PlaceQuery, 'cursor'>) {
  const { api, deletions } = useServices();
  const [reader] = useState(() => createArtifactReader(api));
  const find = (cursor: string | null) => api.search({ words, kind, stage, cursor });
  const [first, reload] = useResource(`${kind} ${stage} ${words}`, () => find(null));
  useEffect(() => deletions.subscribe(reload), [deletions, reload]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the function is a new one in every render; these say when it finds something else.
  const further = useMemo(() => createFurtherHits(find), [api, words, kind, stage]);
  const { pages: rest, loading, problem } = useWatchable(further);
  const pages = [...(first.state === 'ready' ? [first.value] : []), ...rest];
  const hits = hitsOf(pages);
  const cursor = pages.at(-1)?.cursor ?? null;
  return (
    <section className="found" aria-labelledby="found-title">
      <h3 id="found-title" className="found-title">
        Said and shown
      </h3>
      <p className="quiet found-state" role="status">
        {problem ??
          stateWords(first, { hits: hits.length, more: cursor !== null, narrowed: kind !== null || stage !== null })}
      </p>
      <ul className="hits">
        {hits.map((hit) => (
          <Hit key={hitId(hit)} hit={hit} reader={reader} />
        ))}
      </ul>
      {cursor === null ? null : (
        <button type="button" className="button load-more" aria-disabled={loading} onClick={() => further.more(cursor)}>
          {loading ? 'Loading …' : 'More'}
        </button>
      )}
    </section>
  );
}

interface Found {
  readonly hits: number;
  readonly more: boolean;
  readonly narrowed: boolean;
}

function stateWords(first: Loaded<Page>, found: Found): string {
  switch (first.state) {
    case 'loading':
      return 'Looking …';
    case 'failed':
      return first.error.message;
    case 'ready':
      if (found.hits === 0)
        return found.narrowed
          ? 'Nothing of that kind and state says or shows it.'
          : 'Nobody says it, and no picture shows it.';
      return found.more ? `The best ${found.hits} places` : plural(found.hits, 'place');
  }
}

function Hit({ hit, reader }: { hit: SearchHit; reader: ArtifactReader }) {
  const { assetId, filename, kind, time, text, highlights } = hit;
  const picture = useMoment(hit, reader);
  return (
    <li className="hit">
      <div className="hit-picture">
        {picture === null ? <Icon name={kind === 'screen' ? 'image' : 'audio'} /> : <Moment picture={picture} />}
        <span className="card-duration" aria-hidden="true">
          {formatTimecode(time ?? 0)}
        </span>
      </div>
      <div className="hit-words">
        <p className="hit-text">
          {partsOf(text, highlights).map(({ text: part, found }, i) => {
            // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text have nothing but their order.
            return found ? <mark key={i}>{part}</mark> : part;
          })}
        </p>
        <p className="hit-place">
          <Link to={{ page: 'asset', id: assetId, at: time ?? 0 }}>
            <FileName name={filename} />
            <span className="visually-hidden"> at {formatTimecode(time ?? 0)}</span>
          </Link>
          <span className="quiet">{kind === 'screen' ? 'in the picture' : 'said'}</span>
        </p>
      </div>
    </li>
  );
}

/** The small picture that is nearest to the place; null for a sound, and until it is there. */
function useMoment({ assetId, time, end }: SearchHit, reader: ArtifactReader): StoryboardPicture | null {
  const { api } = useServices();
  const [pictures] = useResource(assetId, async () => {
    const artifacts = await reader.made(`artifacts of ${assetId}`, () => api.artifacts(assetId));
    return reader.text(artifactOf(artifacts, 'storyboard.vtt'), (vtt) => readStoryboard(vtt, artifacts));
  });
  return pictures.state === 'ready' && pictures.value !== null
    ? pictureWithin(pictures.value, time ?? 0, end ?? 0)
    : null;
}

function Moment({ picture: { url, x, y, width, height } }: { picture: StoryboardPicture }) {
  return (
    <span
      className="hit-moment"
      style={{ width, height, backgroundImage: `url("${url}")`, backgroundPosition: `-${x}px -${y}px` }}
    />
  );
}
