/** What is worth saying aloud between two states of an uploader; null for everything else. Pure. Errors speak for themselves (`role=alert`). */
import type { Format } from './labels/format.ts';
import type { UploaderLabels } from './labels/labels.ts';
import type { UploaderState } from './uploader-state.ts';

export function announcement(
  before: UploaderState,
  now: UploaderState,
  { labels, format }: { readonly labels: UploaderLabels; readonly format: Format },
): string | null {
  const name = now.file?.name;
  if (name === undefined) return null;
  if (now.status === before.status) {
    const [earlier, later] = [quarter(before), quarter(now)];
    return now.status === 'uploading' && later > earlier ? labels.reached(name, format.percent(later / 4)) : null;
  }
  switch (now.status) {
    case 'uploading':
      if (reasonOf(before) === 'retrying') return null;
      return (before.progress?.percent ?? 0) > 0 ? labels.resumed(name) : labels.started(name);
    case 'compressing':
      return labels.status.compressing;
    case 'paused':
      return labels.paused(name);
    case 'waiting': {
      const reason = reasonOf(now);
      // One chunk that goes again is no news.
      return reason === undefined || reason === 'retrying' ? null : labels.waiting[reason];
    }
    case 'completed':
      return labels.completed(name);
    case 'cancelled':
      return labels.cancelled(name);
    default:
      return null;
  }
}

function reasonOf({ snapshot }: UploaderState) {
  return snapshot?.waiting?.reason;
}

function quarter({ progress }: UploaderState): number {
  return Math.min(3, Math.floor((progress?.percent ?? 0) / 25));
}
