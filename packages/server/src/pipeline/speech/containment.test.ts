/** D6, issue 4 part 8: the tools of the speech steps are fenced in as those of the video steps. */
import { chmod, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../test/media-samples.ts';
import { readyTools, StepBench, type StepRun } from '../../../test/step-bench.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { PermanentStepError } from '../context.ts';
import type { ReadyTools } from '../media/tools.ts';
import { detectSpeechStep } from '../steps/detect-speech.ts';
import { extractSpeechStep } from '../steps/extract-speech.ts';
import { loudnessActivity } from './activity.ts';
import { chooseChannels, extractSound } from './extraction.ts';
import { cutStretch, decodePcm } from './pcm.ts';
import { Pocketsphinx } from './recognisers/pocketsphinx.ts';

let folder: string;
let tools: ReadyTools;
let server: Server;
let calls = 0;
/** Somebody else's file. */
let other: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-contain-'));
  tools = await readyTools();
  server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  other = path.join(folder, 'other.wav');
  await ffmpeg(['-f', 'lavfi', '-i', 'sine=d=1', '-ac', '2', other]);
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function written(name: string, content: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

const playlist = (target: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n${target}\n#EXT-X-ENDLIST\n`;
const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.ts`;

async function corpus(): Promise<string[]> {
  const dash = `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>${address()}</BaseURL></Representation></AdaptationSet></Period></MPD>`;
  return Promise.all([
    written('hls-url.mp4', playlist(address())),
    written('hls-file.mp4', playlist(other)),
    written('concat.mp4', `ffconcat version 1.0\nfile '${other}'\n`),
    written('dash.mp4', dash),
  ]);
}

describe('hostile files in speech steps', () => {
  it('reach neither the network nor another local file through extract_speech and detect_speech', async () => {
    const bench = new StepBench(folder, tools);
    const files = await corpus();
    // What a probe that let them pass would have left.
    const probe = await bench.probe(other);
    for (const file of files) {
      const error = await bench.run(extractSpeechStep, file, { inputs: { probe } }).catch((thrown: unknown) => thrown);
      expect(error, file).toBeInstanceOf(PermanentStepError);
      expect(String(error)).not.toContain(folder);
      for (const engine of file === files[1] ? ['loudness', 'silero'] : ['loudness']) {
        const output = { file: path.basename(file), seconds: 1 };
        const speech: StepRun = { ...probe, output, scratch: folder };
        const detected = bench.run(detectSpeechStep, other, { inputs: { extract_speech: speech }, params: { engine } });
        await expect(detected, `${file} ${engine}`).rejects.toThrow(PermanentStepError);
      }
    }
    expect(calls).toBe(0);
    // The corpus is worth its name: without the guard, ffmpeg does call.
    const open = ['-protocol_whitelist', 'file,http,tcp', '-i', files[0] ?? '', '-f', 'null', '-'];
    await ffmpeg(open).catch(() => {});
    expect(calls).toBeGreaterThan(0);
  });

  it('are met by a program without network and with caps on CPU time and files, in every call', async () => {
    const spy = await written('spy', spyScript);
    await chmod(spy, 0o755);
    const base = { tools: { ...tools, ffmpeg: spy }, file: other, signal: new AbortController().signal };
    const media = { container: 'wav', video: null };
    const request = { ...base, media, clock: systemClock, timeoutMs: 10_000, secondsMax: 60, track: 0, sound: null };
    const out = path.join(folder, 'out');
    const rules = { threshold: 0.5, silenceSecondsMin: 1, speechSecondsMin: 1, speechSecondsMax: 9, silenceDb: -30 };
    const activity = { ...request, rules: { ...rules, secondsMax: 60 }, seconds: 1, progress: () => {} };
    const params = { command: [spy], model: folder } as never;
    const recogniser = new Pocketsphinx({ ...request, params, scratch: folder, apiKey: null, warn: () => {} });
    const ways: readonly (readonly [string, () => Promise<unknown>, boolean])[] = [
      ['decodePcm', () => decodePcm({ ...request, take: () => {} }), false],
      ['cutStretch', () => cutStretch({ ...request, out, start: 0, seconds: 1 }), true],
      ['chooseChannels', () => chooseChannels(request), false],
      ['extractSound', () => extractSound(request, { file: out, channels: 'mix', onSeconds: () => {} }), true],
      ['loudnessActivity', () => loudnessActivity(activity), false],
      ['pocketsphinx', () => recogniser.recognise({ file: other, seconds: 1 }), false],
    ];
    for (const [name, call, writes] of ways) {
      const error = await call().catch((thrown: unknown) => String(thrown));
      const [, network, files, cpu] = /saw: (\S+) (\S+) (\S+)/.exec(String(error)) ?? [];
      if (tools.isolation !== null) expect(network, name).not.toBe(await readlink('/proc/self/ns/net'));
      expect(cpu, name).toMatch(/^\d+$/);
      expect(files, name).toMatch(writes ? /^[1-9]\d*$/ : /^0$/);
    }
  });
});

/** Says what it may do, and fails. */
const spyScript = `#!/bin/sh
echo "saw: $(readlink /proc/self/ns/net) $(ulimit -f) $(ulimit -t)" >&2
exit 1
`;
