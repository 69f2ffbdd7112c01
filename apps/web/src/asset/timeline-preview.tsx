import { type Film, placeAt } from './film.ts';

/** What is where the pointer is: a picture, the time, what stands out, what is said. Over the player, so that nothing moves. */
export function TimelinePreview({ film, seconds }: { film: Film; seconds: number }) {
  const { time, facts, said, picture } = placeAt(film, seconds);
  const share = `${((100 * seconds) / film.durationSeconds).toFixed(2)}%`;
  return (
    <div
      className="timeline-preview"
      aria-hidden="true"
      style={{ left: `clamp(var(--preview-half), ${share}, calc(100% - var(--preview-half)))` }}
    >
      {picture === null ? null : (
        <div
          className="timeline-preview-picture"
          style={{
            width: picture.width,
            height: picture.height,
            backgroundImage: `url("${picture.url}")`,
            backgroundPosition: `-${picture.x}px -${picture.y}px`,
          }}
        />
      )}
      <p className="timeline-preview-facts">
        <strong>{time}</strong> {facts.join(' · ')}
      </p>
      {said === null ? null : <p className="timeline-preview-said">{said}</p>}
    </div>
  );
}
