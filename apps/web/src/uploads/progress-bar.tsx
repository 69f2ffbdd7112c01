interface ProgressBarProps {
  label: string;
  /** 0 … 1 */
  value: number;
  valueText: string;
  tone: 'active' | 'calm' | 'good' | 'bad';
  /** Width of a chunk, 0 … 1 of the whole: draws the borders between chunks while they are wide enough to see. */
  chunk?: number;
}

const narrowestChunk = 1 / 60;

export function ProgressBar({ label, value, valueText, tone, chunk = 1 }: ProgressBarProps) {
  const borders = chunk < 1 && chunk >= narrowestChunk;
  return (
    <div
      className="progress"
      data-tone={tone}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(value * 100)}
      aria-valuetext={valueText}
    >
      <div className="progress-fill" style={{ transform: `scaleX(${value})` }} />
      {borders ? <div className="progress-chunks" style={{ backgroundSize: `${100 * chunk}% 100%` }} /> : null}
    </div>
  );
}
