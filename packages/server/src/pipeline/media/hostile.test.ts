/** Issue 4, part 8: files that want something, or are only broken. Each ends soon and for good, or gives a bounded result; nothing leaks. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../test/media-samples.ts';
import { readyTools, StepBench } from '../../../test/step-bench.ts';
import { PermanentStepError } from '../context.ts';
import { quickLookStep } from '../steps/quick-look.ts';
import { scanVideoStep } from '../steps/scan-video.ts';
import { waveformStep } from '../steps/waveform.ts';
import { webRenditionStep } from '../steps/web-rendition.ts';
import type { Analysis } from './analysis.ts';

let folder: string;
let bench: StepBench;
let secret: string;
let film: Buffer;
let listener: Server;
/** What reached the listener. */
const asked: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-hostile-'));
  bench = new StepBench(folder, await readyTools());
  secret = path.join(folder, 'secret.mp4');
  const source = ['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=10:d=10', '-f', 'lavfi', '-i', 'sine=d=10'];
  await ffmpeg([
    ...source,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-g',
    '10',
    '-c:a',
    'aac',
    '-movflags',
    '+faststart',
    secret,
  ]);
  film = await readFile(secret);
  listener = createServer((socket) => {
    socket.on('data', (data) => void asked.push(data.toString('latin1').slice(0, 80)));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  listener.close();
  await rm(folder, { recursive: true, force: true });
});

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

const url = () => `http://127.0.0.1:${(listener.address() as AddressInfo).port}/x.mp4`;

/** How the probe refuses it; the text must not tell where files lie here. */
async function refusal(file: string): Promise<string> {
  const error = await bench.probe(file).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error, path.basename(file)).toBeInstanceOf(PermanentStepError);
  const { message } = error as PermanentStepError;
  expect(message).not.toContain(folder);
  return message;
}

/** Runs all steps that decode; those that refuse must do so for good. Gives the analysis when there is one. */
async function processed(file: string): Promise<Analysis | null> {
  const probe = await bench.probe(file);
  let analysis: Analysis | null = null;
  for (const step of [quickLookStep, waveformStep, scanVideoStep, webRenditionStep]) {
    const run = await bench.run(step, file, { inputs: { probe } }).catch((error: unknown) => {
      expect(error, `${step.name} of ${path.basename(file)}`).toBeInstanceOf(PermanentStepError);
      return null;
    });
    if (run && step === scanVideoStep) analysis = await run.json<Analysis>(String(run.output['analytic']));
  }
  return analysis;
}

describe('files that name others', () => {
  const playlists: Readonly<Record<string, (target: string) => string>> = {
    hls: (target) => `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:60\n#EXTINF:50,\n${target}\n#EXT-X-ENDLIST\n`,
    hlsMap: (target) =>
      `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:60\n#EXT-X-MAP:URI="${target}"\n#EXTINF:50,\n${target}\n`,
    ffconcat: (target) => `ffconcat version 1.0\nfile '${target}'\n`,
    concat: (target) => `file '${target}'\n`,
    dash: (target) =>
      `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${target}</BaseURL><SegmentList><SegmentURL media="${target}"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
    sdp: () =>
      `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${(listener.address() as AddressInfo).port} RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
    svg: (target) => `<svg xmlns="http://www.w3.org/2000/svg"><image href="${target}"/></svg>`,
  };

  it.each(Object.keys(playlists))(
    '%s that names a local file or an address is refused, and asks nobody',
    async (kind) => {
      for (const [place, target] of Object.entries({
        local: secret,
        bare: 'secret.mp4',
        file: `file:${secret}`,
        net: url(),
      })) {
        for (const extension of ['mp4', 'mkv', 'm3u8']) {
          if (extension !== 'mp4' && place !== 'net') continue;
          await refusal(await written(`${kind}-${place}.${extension}`, playlists[kind]?.(target) ?? ''));
        }
      }
      expect(asked).toEqual([]);
    },
  );

  it('MP4 with data references to another file shows nothing of it', async () => {
    // A `url ` reference that is not self-contained (ISO 14496-12 §8.7.2): flags 0 and a location.
    const at = film.indexOf('url \0\0\0\u0001', 0, 'latin1');
    expect(at).toBeGreaterThan(0);
    const referring = Buffer.from(film);
    referring[at + 7] = 0;
    await processed(await written('dref.mp4', referring)).catch((error: unknown) =>
      expect(error).toBeInstanceOf(PermanentStepError),
    );
    expect(asked).toEqual([]);
  });
});

describe('files that are broken', () => {
  it('are refused for good with a reason for people', async () => {
    const noise = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2_654_435_761) >>> 13);
    expect(await refusal(await written('empty.mp4', ''))).toBe('The file is empty.');
    expect(await refusal(await written('noise.mp4', noise))).toMatch(/The file is/);
    expect(await refusal(await written('text.mkv', 'these are only words\n'.repeat(2_000)))).toMatch(/The file is/);
    expect(await refusal(await written('page.mp4', '<!doctype html><video src="x">'))).toMatch(/The file is/);
    const moovAtEnd = path.join(folder, 'late.mp4');
    await ffmpeg(['-i', secret, '-c', 'copy', moovAtEnd]);
    const bytes = await readFile(moovAtEnd);
    expect(await refusal(await written('unfinished.mp4', bytes.subarray(0, bytes.length / 2)))).toMatch(
      /cut off or was not finished/,
    );
  });

  it('give what can be decoded, with warnings, when they are cut off or damaged within', async () => {
    const cut = await processed(await written('cut.mp4', film.subarray(0, Math.round(film.length * 0.5))));
    expect(cut?.warnings.map(({ code }) => code)).toContain('decoded-shorter-than-declared');
    const holed = Buffer.from(film);
    const middle = Math.round(film.length * 0.6);
    holed.fill(0x5a, middle, middle + Math.round(film.length * 0.2));
    const damaged = await processed(await written('holed.mp4', holed));
    expect(damaged?.warnings.map(({ code }) => code)).toContain('decode-errors');
  });

  it('with a wrong extension are what they are', async () => {
    expect((await processed(await written('film.txt', film)))?.video?.frames).toBe(100);
  });
});

describe('files that claim too much', () => {
  it('30000 × 30000 pixels are refused', async () => {
    // Motion JPEG in AVI whose frame headers say so.
    const avi = path.join(folder, 'small.avi');
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=5:d=1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', avi]);
    const bytes = await readFile(avi);
    for (let at = bytes.indexOf('\xff\xc0', 0, 'latin1'); at !== -1; at = bytes.indexOf('\xff\xc0', at + 2, 'latin1')) {
      bytes.writeUInt16BE(30_000, at + 5);
      bytes.writeUInt16BE(30_000, at + 7);
    }
    const analysis = await processed(await written('huge.avi', bytes)).catch((error: unknown) => {
      expect(error).toBeInstanceOf(PermanentStepError);
      return null;
    });
    expect(analysis?.video?.shots ?? []).toEqual([]);
  });

  it('two frames ten hours apart stay two frames and few bytes', async () => {
    const apart = path.join(folder, 'apart.mkv');
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=64x64:r=1:d=2',
      '-vf',
      'setpts=N*36000/TB',
      '-fps_mode',
      'passthrough',
      '-c:v',
      'ffv1',
      apart,
    ]);
    const analysis = await processed(apart);
    expect(analysis?.video).toMatchObject({ frames: 2 });
    const rendition = await bench.afterProbe(webRenditionStep, apart).catch(() => null);
    const bytes =
      rendition && rendition.left.length > 0
        ? await readFile(path.join(rendition.scratch, 'rendition.mp4'))
        : Buffer.alloc(0);
    expect(bytes.length).toBeLessThan(1_000_000);
  });

  it('a wrong length in the header is a warning', async () => {
    const lying = Buffer.from(film);
    for (const box of ['mvhd', 'tkhd', 'mdhd']) {
      for (let at = lying.indexOf(box); at !== -1; at = lying.indexOf(box, at + 4)) {
        const duration = at + (box === 'tkhd' ? 24 : 20);
        lying.writeUInt32BE(Math.min(0xfffffff0, lying.readUInt32BE(duration) * 3_600), duration);
      }
    }
    const analysis = await processed(await written('lying.mp4', lying));
    expect(analysis?.decoded.seconds).toBeLessThan(11);
  });

  it('boxes within boxes and metadata of many megabytes end soon', async () => {
    let nested = Buffer.alloc(0);
    for (let depth = 0; depth < 20_000; depth += 1) {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(Math.min(0xffffffff, 8 * (20_000 - depth)), 0);
      head.write(depth % 2 === 0 ? 'moov' : 'trak', 4);
      nested = depth === 0 ? head : Buffer.concat([nested, head]);
    }
    const head = film.subarray(0, film.readUInt32BE(0));
    await refusal(await written('nested.mp4', Buffer.concat([head, nested])));
    const wordy = path.join(folder, 'wordy.mkv');
    const metadata = await written(
      'metadata.txt',
      `;FFMETADATA1\ntitle=${'A'.repeat(4_000_000)}\n${Array.from({ length: 2_000 }, (_, i) => `key${i}=${'v'.repeat(500)}`).join('\n')}\n`,
    );
    await ffmpeg(['-i', secret, '-i', metadata, '-map_metadata', '1', '-map', '0', '-c', 'copy', wordy]);
    const probed = await bench.probe(wordy).catch((error: unknown) => {
      expect(error).toBeInstanceOf(PermanentStepError);
      return null;
    });
    expect(JSON.stringify(probed?.output ?? {}).length).toBeLessThan(20_000);
  });
});

it('leaves the secret as it was, and no file but results in any scratch folder', async () => {
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  expect(digest(await readFile(secret))).toBe(digest(film));
  for (const name of (await readdir(folder)).filter((each) => each.startsWith('scratch-'))) {
    for (const left of await readdir(path.join(folder, name))) {
      expect(left).toMatch(
        /^(?:quick-\d{4}\.jpg|shot-\d{4}\.jpg|waveform\.json|frames\.mjpeg|rendition\.(?:mp4|m4a)|.*\.analytic\.json)$/,
      );
    }
  }
  expect(asked).toEqual([]);
});
