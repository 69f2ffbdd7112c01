/** Sound files that differ from each other, made by ffmpeg. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function makeSounds(folder, { count, seconds }) {
  const sounds = [];
  for (let i = 0; i < count; i += 1) {
    const name = `lecture ${String(i + 1).padStart(2, '0')}.wav`;
    const path = join(folder, name);
    // Between half as long and one and a half times as long.
    const length = (seconds * (0.5 + ((i * 0.618) % 1))).toFixed(2);
    const tone = `sine=f=${180 + i * 7}:d=${length}:r=48000`;
    await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', tone, '-ac', '2', path]);
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    sounds.push({ name, path, sha256: hash.digest('hex') });
  }
  return sounds;
}
