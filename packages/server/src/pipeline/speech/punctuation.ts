/** Punctuation by a model of sherpa-onnx, put onto the words that were heard: the words themselves never change. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { NativeProcess } from './native-process.ts';
import type { Transcript, Word } from './transcript.ts';

/** Such models see a few hundred words at once. */
const wordsAtOnce = 200;

/** `model`: an .onnx file, or a folder with one. Rejects when it cannot be used. */
export async function punctuated(
  transcript: Pick<Transcript, 'words'>,
  { model, signal }: { readonly model: string; readonly signal: AbortSignal },
): Promise<Word[]> {
  await using native = new NativeProcess(signal);
  const file = (await stat(model)).isDirectory() ? path.join(model, await onlyModel(model)) : model;
  const config = { model: { ctTransformer: file, numThreads: 1, debug: 0, provider: 'cpu' } };
  await native.request<null>({ op: 'punctuation-open', config });
  const out: Word[] = [];
  for (let at = 0; at < transcript.words.length; at += wordsAtOnce) {
    const words = transcript.words.slice(at, at + wordsAtOnce);
    const text = words.map((word) => word.text).join(' ');
    out.push(...withMarks(words, await native.request<string>({ op: 'punctuation-add', text })));
  }
  return out;
}

async function onlyModel(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.onnx')).sort();
  const name = names.find((each) => each.includes('int8')) ?? names[0];
  if (name === undefined) throw new Error(`${folder} has no .onnx file`);
  return name;
}

const marks: Readonly<Record<string, string>> = { '，': ',', '。': '.', '？': '?', '！': '!', '、': ',' };

/** Takes the marks behind each word out of the punctuated text; words that do not match keep what they had. Pure. */
export function withMarks(words: readonly Word[], text: string): Word[] {
  const plain = text.replace(/[，。？！、]/g, (mark) => `${marks[mark] ?? mark} `);
  const found = plain.split(/\s+/).filter((word) => word !== '');
  const bare = (word: string) => word.toLowerCase().replace(/[.,?!;:]+$/, '');
  let at = 0;
  return words.map((word) => {
    const same = found[at] !== undefined && bare(found[at] ?? '') === bare(word.text);
    if (!same) return word;
    const mark = /[.,?!;:]+$/.exec(found[at] ?? '')?.[0] ?? '';
    at += 1;
    return { ...word, text: word.text.replace(/[.,?!;:]+$/, '') + mark };
  });
}
