/** A folder as an operator has it: films with known cuts and spoken words, copies under other names, and files that are broken. */
import { copyFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFilm } from './film.ts';

export interface LibraryFilm {
  /** Name in the folder. */
  readonly name: string;
  /** Seconds at which a new shot begins; the first shot begins at 0 and is not in here. */
  readonly cuts: readonly number[];
  readonly words: string;
}

export interface FilmLibrary {
  readonly films: readonly LibraryFilm[];
  /** Other name → name of the film that it is a copy of. */
  readonly copies: Readonly<Record<string, string>>;
  readonly broken: readonly string[];
}

const topics = [
  ['anatomy of the heart', 'The heart has four chambers and pumps blood through the body'],
  ['budget meeting', 'The budget for next year was discussed and three projects were approved'],
  ['history of writing', 'People learned to write on clay and stone before they had paper'],
  ['weather report', 'Heavy rain is expected in the north and strong wind on the coast'],
  ['cooking course', 'Boil the water first then add salt and wait for ten minutes'],
] as const;
const voices = ['slt', 'rms', 'awb'] as const;
const filmCount = topics.length * voices.length;

/** 15 films of a few seconds, two copies (one in a subfolder), three broken files: twenty in all. */
export async function makeFilmLibrary(dir: string, scratch: string): Promise<FilmLibrary> {
  const films: LibraryFilm[] = [];
  for (let index = 0; index < filmCount; index += 1) films.push(await makeOne(dir, scratch, index));
  const [first, second, third] = films;
  if (!first || !second || !third) throw new Error('the library has films');
  const copies = { 'another name.mp4': first.name, 'old/kept twice.mp4': second.name };
  for (const [name, of] of Object.entries(copies)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await copyFile(join(dir, of), join(dir, name));
  }
  const broken = ['cut off.mp4', 'noise.mp4', 'no film.mkv'];
  await copyFile(join(dir, third.name), join(dir, 'cut off.mp4'));
  await truncate(join(dir, 'cut off.mp4'), 20_000);
  await writeFile(join(dir, 'noise.mp4'), noise('0000001866747970', 40_000));
  await writeFile(join(dir, 'no film.mkv'), noise('1a45dfa3', 40_000));
  return { films, copies, broken };
}

async function makeOne(dir: string, scratch: string, index: number): Promise<LibraryFilm> {
  const topic = topics[index % topics.length];
  const voice = voices[Math.floor(index / topics.length)];
  if (!topic || !voice) throw new RangeError('there is a topic and a voice for each film');
  const [title, words] = topic;
  const folder = join(scratch, String(index));
  await mkdir(folder, { recursive: true });
  const { path, cuts } = await makeFilm({
    dir: folder,
    size: '320x180',
    shots: [1.6 + (index % 4) * 0.2, 2.2, 1.8 + (index % 3) * 0.2],
    bitrate: '600k',
    words,
    voice,
    firstPicture: index,
    music: 0.05,
  });
  const name = `${String(index + 1).padStart(2, '0')} ${title} (${voice}).mp4`;
  await copyFile(path, join(dir, name));
  return { name, cuts, words };
}

/** Bytes that begin like a film and are none; the same each time. */
function noise(beginningHex: string, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 1) buffer[i] = (i * 2_654_435_761) >>> 24;
  Buffer.from(beginningHex, 'hex').copy(buffer);
  return buffer;
}
