/** What the sender said about a file, as people read it. Pure. */
import { lastModifiedField } from '../uploads/match-unfinished.ts';

export interface SourceFact {
  /** As the sender wrote it; unique. */
  readonly key: string;
  readonly label: string;
  readonly value: string;
}

/** Fields that this page and the recordings API write (docs/recordings.md); every other one keeps its name. */
const labels: Readonly<Record<string, string>> = {
  asignatura: 'Subject',
  tema: 'Topic',
  profesor_text: 'Speaker',
  [lastModifiedField]: 'File last changed',
};

export function sourceFacts(metadata: Readonly<Record<string, string>>, locale?: string): SourceFact[] {
  return Object.entries(metadata)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({
      key,
      label: Object.hasOwn(labels, key) ? (labels[key] ?? key) : key,
      value: key === lastModifiedField ? moment(value, locale) : value,
    }));
}

/** A browser's `File.lastModified`, milliseconds since the epoch; what is no such number stays as it was sent. */
function moment(value: string, locale: string | undefined): string {
  const date = new Date(/^\d+$/.test(value) ? Number(value) : Number.NaN);
  if (Number.isNaN(date.getTime())) return value;
  return date.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}
