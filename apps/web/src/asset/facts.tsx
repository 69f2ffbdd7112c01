import type { Asset } from '@holdfast/protocol';
import { useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatBytes, formatTimecode } from '../format/format.ts';
import { setTimer } from '../state/resource.ts';
import type { Analytic, Fact } from './analytic.ts';

export function Facts({ asset, analytic }: { asset: Asset; analytic: Analytic | null }) {
  const facts: Fact[] = [
    ...(analytic === null || analytic.durationSeconds === 0
      ? []
      : [{ label: 'Duration', value: formatTimecode(analytic.durationSeconds) }]),
    ...(analytic?.facts ?? []),
    { label: 'Size', value: formatBytes(asset.size) },
    { label: 'Type', value: asset.contentType },
    {
      label: 'Stored',
      value: new Date(asset.createdAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }),
    },
  ];
  return (
    <section className="facts panel" aria-labelledby="facts-title">
      <h2 id="facts-title" className="visually-hidden">
        Facts
      </h2>
      <dl>
        {facts.map(({ label, value }) => (
          <div key={label} className="fact">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div className="fact fact-digest">
          <dt>SHA-256</dt>
          <dd>
            <code>{asset.sha256}</code>
            <CopyButton text={asset.sha256} />
          </dd>
        </div>
      </dl>
    </section>
  );
}

const thanksMs = 2_000;
const copyWords = { no: 'Copy', yes: 'Copied', refused: 'Not copied' } as const;

function CopyButton({ text }: { text: string }) {
  const { announcer } = useServices();
  const [copied, setCopied] = useState<'no' | 'yes' | 'refused'>('no');
  // Pages that are not served securely have no clipboard; the digest can be selected by hand there.
  if (!window.isSecureContext) return null;
  const copy = async () => {
    // Browsers refuse it by a setting, or because the page is in a frame of another.
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    setCopied(done ? 'yes' : 'refused');
    announcer.say(done ? 'SHA-256 copied.' : 'The browser does not let this page copy; select the SHA-256 instead.');
    setTimer(() => setCopied('no'), thanksMs);
  };
  return (
    <button type="button" className="button button-small" aria-label="Copy the SHA-256" onClick={() => void copy()}>
      <Icon name={copied === 'yes' ? 'done' : 'copy'} />
      {copyWords[copied]}
    </button>
  );
}
