import { useState } from 'react';
import { formatTimecode } from '../format/format.ts';
import { addressOf } from '../routing/navigation.tsx';
import type { ScreenText } from './screen-text.ts';

interface ScreenTextsProps {
  assetId: string;
  texts: readonly ScreenText[];
  onSeek: ((seconds: number) => void) | null;
}

// Slides of a long lecture are hundreds; what follows is one press away.
const shownAtFirst = 12;

export function ScreenTexts({ assetId, texts, onSeek }: ScreenTextsProps) {
  const [all, setAll] = useState(false);
  const shown = all ? texts : texts.slice(0, shownAtFirst);
  return (
    <section className="section" aria-labelledby="screen-title">
      <div className="section-head">
        <h2 id="screen-title">Text in the picture</h2>
      </div>
      <ul className="screen-texts panel">
        {shown.map(({ start, text }) => (
          <li key={start}>
            <a
              href={addressOf({ page: 'asset', id: assetId, at: start })}
              onClick={(event) => {
                if (onSeek === null || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
                event.preventDefault();
                onSeek(start);
              }}
            >
              {formatTimecode(start)}
            </a>
            <span>{text}</span>
          </li>
        ))}
      </ul>
      {shown.length < texts.length ? (
        <button type="button" className="button load-more" onClick={() => setAll(true)}>
          Show all {texts.length.toLocaleString()}
        </button>
      ) : null}
    </section>
  );
}
