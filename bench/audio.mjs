// Compresses an hour of WAV (691 MB) in Chromium, as docs/audio.md reports it: node bench/audio.mjs [minutes]. Needs ffmpeg, Chromium and a
// compiled tree. Prints speed, memory of the renderer and what the page felt of it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { decodedFacts, ffmpeg, inPage, rendererMemory, serveAudioPage } from '../test/e2e/audio-page.ts';

const minutes = Number(process.argv[2] ?? 60);
const jobs = {
  'SPEECH (32 kbit/s)': `audio.compress(file, 'SPEECH', options)`,
  'autoCompress to 20 MB': `audio.autoCompress(file, ${(20 * minutes) / 60}, options)`,
};

await using site = await serveAudioPage();
const wave = join(site.folder, 'hour.wav');
// Five minutes of something like a voice in a noisy room, again and again.
const voice =
  "aevalsrc='0.4*sin(2*PI*(150+40*sin(2*PI*0.7*t))*t)*max(0,sin(2*PI*1.7*t))+0.03*(random(0)-0.5)':s=48000:d=300";
await ffmpeg('-f', 'lavfi', '-i', voice, '-ac', '2', join(site.folder, 'part.wav'));
await ffmpeg('-stream_loop', '-1', '-i', join(site.folder, 'part.wav'), '-t', String(minutes * 60), '-c', 'copy', wave);
const { size } = await stat(wave);
console.log(`${minutes} min of WAV, ${(size / 1e6).toFixed(0)} MB`);

for (const [name, call] of Object.entries(jobs)) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  await using browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage();
  await page.goto(site.origin);
  await page.waitForFunction('window.ready');
  await page.setInputFiles('input', wave);
  const idle = await rendererMemory(browser);
  const peak = { ...idle };
  let running = true;
  const work = inPage(
    page,
    `const file = document.querySelector('input').files[0]; const options = {}; const start = performance.now();
     const gaps = []; let last = start, open = true;
     const frame = (now) => { gaps.push(now - last); last = now; if (open) requestAnimationFrame(frame); };
     requestAnimationFrame(frame);
     const result = await ${call}; open = false;
     const ms = performance.now() - start; gaps.sort((a, b) => a - b);
     return { ms, longTasks, p99: gaps[Math.floor(gaps.length * 0.99)], ...(await told(result)) };`,
  ).finally(() => {
    running = false;
  });
  while (running) {
    const { resident, own } = await rendererMemory(browser).catch(() => peak);
    peak.resident = Math.max(peak.resident, resident);
    peak.own = Math.max(peak.own, own);
    await setTimeout(250);
  }
  const { ms, longTasks, p99, bytes, path, ratio, skipped } = await work;
  const { seconds } = await decodedFacts(path);
  console.log(
    [
      `${name}: ${skipped?.message ?? ''}${(ms / 1000).toFixed(0)} s, ${((minutes * 60_000) / ms).toFixed(1)}x real time`,
      `${(bytes / 1e6).toFixed(2)} MB (1/${ratio.toFixed(0)}), decodes to ${seconds.toFixed(3)} s`,
      `renderer ${idle.own.toFixed(0)} → ${peak.own.toFixed(0)} MB of its own, ${idle.resident.toFixed(0)} → ${peak.resident.toFixed(0)} MB resident`,
      `long tasks ${JSON.stringify(longTasks)}, 99 % of frames within ${p99.toFixed(0)} ms`,
    ].join('; '),
  );
}
