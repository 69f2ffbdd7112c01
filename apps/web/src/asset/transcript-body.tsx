import { type KeyboardEvent, type MouseEvent, type RefObject, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { type Playback, usePlace } from './playback.ts';
import { groupsOf, groupWith, sentenceAt, type Transcript } from './transcript.ts';
import { TranscriptGroup } from './transcript-group.tsx';
import { useNearGroups } from './use-near-groups.ts';
import type { TranscriptSearch } from './use-transcript-search.ts';

interface TranscriptBodyProps {
  assetId: string;
  transcript: Transcript;
  playback: Playback;
  search: TranscriptSearch;
  following: boolean;
  onFollowing: (following: boolean) => void;
}

const scrollKeys = new Set(['PageUp', 'PageDown', ' ']);

/**
 * The text in a box of its own, which only ever scrolls itself. It follows the player until somebody scrolls. Sentences are links to their
 * time; with the keyboard the whole text is one stop, and arrow keys go from sentence to sentence.
 */
export function TranscriptBody(props: TranscriptBodyProps) {
  const { assetId, transcript, playback, search, following, onFollowing } = props;
  const { sentences } = transcript;
  const box = useRef<HTMLDivElement>(null);
  const groups = useMemo(() => groupsOf(transcript), [transcript]);
  const { near, heights } = useNearGroups(box, groups);
  const current = usePlace(playback, (seconds) => sentenceAt(sentences, seconds));
  const [focused, setFocused] = useState<number | null>(null);
  const looked = search.found[search.at] ?? null;

  useReveal(box, { followed: following ? current : null, looked, turn: search.turn, focused });

  const go = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const sentence = sentences[sentenceOf(event.target) ?? -1];
    if (sentence === undefined) return;
    event.preventDefault();
    playback.seek(sentence.start);
    onFollowing(true);
  };
  const move = (event: KeyboardEvent) => {
    const at = sentenceOf(event.target);
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (scrollKeys.has(event.key)) onFollowing(false);
    if (at === null || step === 0) return;
    event.preventDefault();
    onFollowing(false);
    setFocused(Math.min(sentences.length - 1, Math.max(0, at + step)));
  };
  const leave = () => {
    if (following) onFollowing(false);
  };
  const pinned = [current, looked, focused].map((sentence) => (sentence === null ? -1 : groupWith(groups, sentence)));
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: clicks and keys are those of the links within.
    <div
      className="transcript-text"
      ref={box}
      onClick={go}
      onKeyDown={move}
      onBlur={(event) => (event.currentTarget.contains(event.relatedTarget) ? undefined : setFocused(null))}
      onWheel={leave}
      onTouchMove={leave}
      // Of the box itself, not of the text: its scroll bar.
      onPointerDown={(event) => (event.target === box.current ? leave() : undefined)}
    >
      {groups.map((group, i) => {
        const mine = (sentence: number | null) =>
          sentence !== null && sentence >= group.sentences[0] && sentence < group.sentences[1] ? sentence : null;
        return (
          <TranscriptGroup
            key={group.sentences[0]}
            number={i}
            group={group}
            transcript={transcript}
            assetId={assetId}
            shown={near.has(i) || pinned.includes(i)}
            height={heights.get(i) ?? null}
            current={mine(current)}
            looked={mine(looked)}
            stop={mine(focused ?? Math.max(0, current))}
            query={search.shownQuery}
          />
        );
      })}
    </div>
  );
}

interface Revealed {
  readonly followed: number | null;
  readonly looked: number | null;
  /** Each turn shows again what is looked at. */
  readonly turn: number;
  readonly focused: number | null;
}

/** Brings the sentence into the box that something has just pointed at. */
function useReveal(box: RefObject<HTMLElement | null>, { followed, looked, turn, focused }: Revealed): void {
  useLayoutEffect(() => {
    if (followed === null) return;
    // With the frame that draws it, which measures anyway; before anybody sees it.
    const frame = requestAnimationFrame(() => reveal(box.current, followed));
    return () => cancelAnimationFrame(frame);
  }, [box, followed]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn shows the place again.
  useLayoutEffect(() => {
    if (looked !== null) reveal(box.current, looked);
  }, [box, looked, turn]);
  useLayoutEffect(() => {
    if (focused === null) return;
    sentenceElement(box.current, focused)?.focus({ preventScroll: true });
    reveal(box.current, focused);
  }, [box, focused]);
}

function sentenceOf(target: EventTarget): number | null {
  const place =
    target instanceof Element ? target.closest<HTMLElement>('[data-sentence]')?.dataset['sentence'] : undefined;
  return place === undefined ? null : Number(place);
}

function sentenceElement(box: HTMLElement | null, sentence: number): HTMLElement | null {
  return box?.querySelector<HTMLElement>(`[data-sentence="${sentence}"]`) ?? null;
}

/** Scrolls the box, never the page, and only when the sentence is not in its middle part. */
function reveal(box: HTMLElement | null, sentence: number): void {
  const element = sentenceElement(box, sentence);
  if (box === null || element === null) return;
  const place = element.getBoundingClientRect().top - box.getBoundingClientRect().top;
  const height = box.clientHeight;
  if (place >= height * 0.08 && place <= height * 0.6) return;
  const far = Math.abs(place) > 2 * height;
  const calm = far || window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  box.scrollTo({ top: box.scrollTop + place - height * 0.3, behavior: calm ? 'instant' : 'smooth' });
}
