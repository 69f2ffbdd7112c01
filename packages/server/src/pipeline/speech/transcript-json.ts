/**
 * Reads the JSON that recognisers write: OpenAI's `verbose_json` (also whisper-server, faster-whisper-server, speaches …), whisper.cpp's
 * own (`-oj`, `-ojf`), and a plain list of words or segments. What is not as expected is left out, never guessed. Pure.
 */
import type { Heard, HeardSegment, Word } from './transcript.ts';

type Json = Readonly<Record<string, unknown>>;

/** Null when it is none of these. `seconds`: length of the sound, for an answer that has only a text. */
export function readTranscriptJson(value: unknown, seconds: number): Heard | null {
  const root = asObject(value);
  if (root === null) return null;
  if (Array.isArray(root['transcription'])) return whisperCpp(root, objects(root['transcription']));
  const language = languageOf(root['language'] ?? root['detected_language']);
  const words = objects(root['words']).flatMap((word) => wordOf(word) ?? []);
  const segments = objects(root['segments']).flatMap((segment) => segmentOf(segment) ?? []);
  if (segments.length > 0) return { segments: withWords(segments, words), language };
  if (words.length > 0) return { segments: [segmentOfWords(words)], language };
  const text = root['text'];
  if (typeof text !== 'string') return null;
  return { segments: text.trim() === '' ? [] : [{ start: 0, end: seconds, text, words: [] }], language };
}

function whisperCpp(root: Json, items: readonly Json[]): Heard {
  const segments = items.flatMap((item): HeardSegment[] => {
    const offsets = asObject(item['offsets']);
    const [start, end] = [numberOf(offsets?.['from']), numberOf(offsets?.['to'])];
    if (start === null || end === null || typeof item['text'] !== 'string') return [];
    return [{ start: start / 1000, end: end / 1000, text: item['text'], words: whisperWords(objects(item['tokens'])) }];
  });
  return { segments, language: languageOf(asObject(root['result'])?.['language']) };
}

/** Tokens are parts of words: a word begins with a space. */
function whisperWords(tokens: readonly Json[]): Word[] {
  const words: (Word & { readonly parts: number })[] = [];
  for (const token of tokens) {
    const text = token['text'];
    const offsets = asObject(token['offsets']);
    const [start, end, confidence] = [numberOf(offsets?.['from']), numberOf(offsets?.['to']), share(token['p'])];
    // Marks such as [_BEG_] are no words.
    if (typeof text !== 'string' || start === null || end === null || /^\s*\[_.*\]\s*$/.test(text)) continue;
    const last = words.at(-1);
    if (last && !text.startsWith(' ')) {
      const mean =
        last.confidence === null || confidence === null
          ? null
          : (last.confidence * last.parts + confidence) / (last.parts + 1);
      words[words.length - 1] = {
        ...last,
        text: last.text + text,
        end: end / 1000,
        confidence: mean,
        parts: last.parts + 1,
      };
    } else words.push({ text: text.trim(), start: start / 1000, end: end / 1000, confidence, parts: 1 });
  }
  return words.map(({ parts: _parts, ...word }) => word);
}

function segmentOf(segment: Json): HeardSegment | null {
  const [start, end, text] = [numberOf(segment['start']), numberOf(segment['end']), segment['text']];
  if (start === null || end === null || typeof text !== 'string') return null;
  return {
    start,
    end: Math.max(start, end),
    text,
    words: objects(segment['words']).flatMap((word) => wordOf(word) ?? []),
  };
}

function segmentOfWords(words: readonly Word[]): HeardSegment {
  const text = words.map((word) => word.text.trim()).join(' ');
  return { start: words[0]?.start ?? 0, end: words.at(-1)?.end ?? 0, text, words };
}

/** A list of words beside the segments: each goes to the segment in which its middle is. */
function withWords(segments: readonly HeardSegment[], words: readonly Word[]): HeardSegment[] {
  if (words.length === 0 || segments.some((segment) => segment.words.length > 0)) return [...segments];
  let at = 0;
  return segments.map((segment, i) => {
    const end = segments[i + 1]?.start ?? Number.POSITIVE_INFINITY;
    const own: Word[] = [];
    for (let word = words[at]; word && (word.start + word.end) / 2 < end; word = words[at]) {
      own.push(word);
      at += 1;
    }
    return { ...segment, words: own };
  });
}

function wordOf(word: Json): Word | null {
  const text = word['word'] ?? word['text'];
  const [start, end] = [numberOf(word['start']), numberOf(word['end'])];
  if (typeof text !== 'string' || text.trim() === '' || start === null || end === null) return null;
  const confidence = share(word['probability'] ?? word['confidence'] ?? word['score']);
  return { text: text.trim(), start, end: Math.max(start, end), confidence };
}

function share(value: unknown): number | null {
  const number = numberOf(value);
  return number === null ? null : Math.min(1, Math.max(0, number));
}

function languageOf(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9-]{0,30}$/.test(value) ? value.toLowerCase() : null;
}

function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(asObject).filter((item) => item !== null) : [];
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
