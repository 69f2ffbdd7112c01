/** Captions: WebVTT (W3C), SubRip and plain text, written and read. Pure. */
import type { Interval } from '../media/analysis.ts';
import type { Heard, HeardSegment } from './transcript.ts';

export interface Cue extends Interval {
  readonly text: string;
  /** Who speaks; null when that is not known. */
  readonly speaker?: string | null;
}

/** A caption is read at a glance: no longer than two lines, no longer on the screen than this. */
const cueChars = 84;
const cueSeconds = 7;

export interface Timed extends Interval {
  readonly text: string;
}

/** Cues of readable length out of segments, cut between words where their times are known. */
export function cuesOf(segments: readonly { readonly segment: Timed; readonly words: readonly Timed[] }[]): Cue[] {
  return segments.flatMap(({ segment, words }) => {
    if (words.length === 0) return [{ start: segment.start, end: segment.end, text: segment.text }];
    const cues: Cue[] = [];
    for (const word of words) {
      const last = cues.at(-1);
      const fits = last && last.text.length + word.text.length < cueChars && word.end - last.start <= cueSeconds;
      if (last && fits) cues[cues.length - 1] = { ...last, end: word.end, text: `${last.text} ${word.text}` };
      else cues.push({ start: word.start, end: word.end, text: word.text });
    }
    return cues;
  });
}

export function toVtt(cues: readonly Cue[], note: string): string {
  const blocks = cues.map(({ start, end, text, speaker }) => {
    const voice = speaker ? `<v ${escapeVtt(speaker)}>` : '';
    return `${clock(start, '.')} --> ${clock(Math.max(end, start + 0.001), '.')}\n${voice}${escapeVtt(text)}\n`;
  });
  return ['WEBVTT\n', `NOTE ${note.replaceAll('-->', '→')}\n`, ...blocks].join('\n');
}

export function toSrt(cues: readonly Cue[]): string {
  return cues
    .map(({ start, end, text, speaker }, i) => {
      const said = speaker ? `${speaker}: ${text}` : text;
      return `${i + 1}\n${clock(start, ',')} --> ${clock(Math.max(end, start + 0.001), ',')}\n${said.replaceAll('-->', '→')}\n`;
    })
    .join('\n');
}

function escapeVtt(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** `00:01:02.345`. */
function clock(seconds: number, point: '.' | ','): string {
  const millis = Math.round(seconds * 1000);
  const parts = [Math.floor(millis / 3_600_000), Math.floor(millis / 60_000) % 60, Math.floor(millis / 1000) % 60];
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')}${point}${String(millis % 1000).padStart(3, '0')}`;
}

const timing =
  /^\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})(?:\s|$)/;

/** Reads WebVTT or SubRip; null when there is no cue in a text that is not empty. */
export function readCaptions(text: string): Heard | null {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  const segments: HeardSegment[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const found = timing.exec(lines[at] ?? '');
    if (!found) continue;
    const said: string[] = [];
    while (at + 1 < lines.length && (lines[at + 1] ?? '').trim() !== '' && !timing.test(lines[at + 1] ?? '')) {
      at += 1;
      said.push(lines[at] ?? '');
    }
    segments.push({
      start: secondsOf(found.slice(1, 5)),
      end: secondsOf(found.slice(5, 9)),
      text: plain(said.join(' ')),
      words: [],
    });
  }
  const empty = text.replace(/^\uFEFF?WEBVTT.*/, '').trim() === '';
  return segments.length === 0 && !empty ? null : { segments, language: null };
}

function secondsOf([hours, minutes, seconds, fraction]: readonly (string | undefined)[]): number {
  const whole = Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds);
  return whole + Number((fraction ?? '').padEnd(3, '0')) / 1000;
}

/** Without the marks of WebVTT. */
function plain(text: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', nbsp: ' ', lrm: '', rlm: '' };
  return text.replace(/<[^>]*>/g, '').replace(/&(\w+);/g, (all, name: string) => entities[name] ?? all);
}
