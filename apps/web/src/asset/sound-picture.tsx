import { peaks } from './analytic.ts';

/** The picture of a sound: how loud it is over time, mirrored as sound editors draw it. */
export function SoundPicture({ loudness, barsMax }: { loudness: readonly number[]; barsMax: number }) {
  const bars = peaks(loudness, barsMax);
  return (
    <svg
      className="sound-picture"
      viewBox={`0 -1.1 ${Math.max(1, bars.length)} 2.2`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {/* Never quite flat: a silent second is still a second. */}
      <path d={bars.map((value, i) => `M${i + 0.5} ${-Math.max(0.01, value)}V${Math.max(0.01, value)}`).join('')} />
    </svg>
  );
}
