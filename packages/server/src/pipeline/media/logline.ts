/** One sentence about a file. Pure. */
import { type Extract, shortened } from '../text/extract.ts';
import type { Analysis } from './analysis.ts';
import { weighed } from './summary.ts';
import { brightnessWord, durationWords, loudnessWord, motionWord, paceWord, percent, plural } from './words.ts';

/** What was measured, what is read and what is spoken about; the title is the file's own and marked as such. */
export function logline(analysis: Analysis, extract: Pick<Extract, 'keyPhrases' | 'title'>): string {
  const { media, video, decoded } = analysis;
  const facts = [...pictureFacts(analysis), ...soundFacts(analysis)];
  const about = extract.keyPhrases.slice(0, 3).map((phrase) => `“${phrase}”`);
  if (extract.title !== null) facts.push(`in the picture “${extract.title}”`);
  if (about.length > 0) facts.push(`words for it: ${about.join(', ')}`);
  const title =
    media.title === null ? '' : ` titled “${shortened(media.title.replace(/\s+/g, ' ').trim(), 120)}” by its file`;
  const duration = durationWords(decoded.seconds);
  const words = extract.title !== null || about.length > 0;
  const made = words
    ? 'put together from what was measured, heard and read'
    : 'its content was measured, not understood';
  return `${video ? 'A video' : 'A sound recording'}${title} of ${duration}: ${facts.join('; ')}; ${made}.`;
}

function pictureFacts({ video }: Analysis): string[] {
  if (!video) return [];
  const cuts =
    video.shots.length === 1
      ? 'one shot'
      : `${plural(video.shots.length, 'shot')} (${paceWord(video.shotSecondsMean)} cutting)`;
  const mean = weighed(video.shots, (shot) => shot.motion);
  return [cuts, `${brightnessWord(weighed(video.shots, (shot) => shot.brightness))}, ${motionWord(mean)}`];
}

function soundFacts({ audio, decoded }: Analysis): string[] {
  if (!audio) return ['no sound'];
  const silent = (audio.silentSeconds ?? 0) / Math.max(decoded.seconds, 0.001);
  const loudness = audio.integratedLufs === null ? 'silent sound track' : `sound ${loudnessWord(audio.integratedLufs)}`;
  return silent > 0.05 && audio.integratedLufs !== null
    ? [loudness, `silent for ${percent(silent)} of it`]
    : [loudness];
}
