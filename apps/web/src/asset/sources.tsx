import type { Asset } from '@holdfast/protocol';
import { FileName } from '../app/file-name.tsx';
import { sourceFacts } from './source-facts.ts';

/** By which ways the content came here, newest first: the same content is stored once, under all its names. */
export function Sources({ asset: { sources } }: { asset: Asset }) {
  if (sources.length === 0) return null;
  return (
    <section className="section" aria-labelledby="sources-title">
      <div className="section-head">
        <h2 id="sources-title">Where it came from</h2>
      </div>
      <ul className="sources panel">
        {sources.map((source) => (
          <li key={source.uploadId} className="source">
            <p className="source-name">
              <FileName name={source.filename} />
            </p>
            <p className="quiet">
              {source.watched === undefined ? (
                'Uploaded'
              ) : (
                <>
                  Found in the watched folder {source.watched.folder}, as{' '}
                  <code>
                    <FileName name={source.watched.path} />
                  </code>
                </>
              )}
              ,{' '}
              <time dateTime={source.addedAt}>
                {new Date(source.addedAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}
              </time>
            </p>
            <Metadata values={source.metadata} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What the sender said about it; of no meaning to the server. */
function Metadata({ values }: { values: Readonly<Record<string, string>> }) {
  const facts = sourceFacts(values);
  if (facts.length === 0) return null;
  return (
    <dl className="source-metadata">
      {facts.map(({ key, label, value }) => (
        <div key={key}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
