/** How large a recording becomes, computed from how Opus and WebM are written; and the other way round. */
import { bitrateMax, bitrateMin } from './presets.ts';

/** What Opus puts before the first sample, in seconds (312 samples at 48 kHz). */
const preSkipSeconds = 0.0065;
/** EBML header, track, seek head, duration. */
const headerBytes = 420;
export const clusterSeconds = 5;
/** A cluster's header with its time stamp, and its place in the index. */
const clusterBytes = 45;
const blockBytes = 7;
/** What stays free of a target. */
const margin = 0.004;

/**
 * Length of an Opus frame in ms. Every frame costs 7 bytes of container, so frames are long where bits are few. The last frame is
 * filled up with silence, as nothing shorter can be encoded: where 60 ms would make the end more than 40 ms late, 40 ms are taken.
 */
export function frameMsFor(bitrate: number, durationSeconds: number): number {
  if (bitrate > 32_000) return 20;
  const lastMs = ((durationSeconds + preSkipSeconds) * 1000) % 60;
  return lastMs > 0 && lastMs < 20 ? 40 : 60;
}

/** Bytes of the file at a constant bitrate (bit/s). */
export function plannedBytes(bitrate: number, durationSeconds: number, frameMs: number): number {
  const packets = packetCount(durationSeconds, frameMs);
  return Math.round(overheadBytes(durationSeconds, packets) + packets * ((bitrate * frameMs) / 8000));
}

export interface TargetPlan {
  readonly bitrate: number;
  readonly frameMs: number;
}

/** The highest constant bitrate with which the file stays within `targetBytes`; null when that is below the floor of 16 kbit/s. */
export function planForTarget(targetBytes: number, durationSeconds: number, longFrames = true): TargetPlan | null {
  const attempt = (frameMs: number): TargetPlan => {
    const packets = packetCount(durationSeconds, frameMs);
    const packetBytes = Math.floor((targetBytes * (1 - margin) - overheadBytes(durationSeconds, packets)) / packets);
    return { bitrate: Math.min(bitrateMax, Math.floor((packetBytes * 8000) / frameMs)), frameMs };
  };
  const short = attempt(20);
  if (!longFrames || frameMsFor(short.bitrate, durationSeconds) === 20)
    return short.bitrate >= bitrateMin ? short : null;
  const long = attempt(frameMsFor(bitrateMin, durationSeconds));
  return long.bitrate >= bitrateMin ? long : null;
}

/** The smallest target that can be met. */
export function targetBytesMin(durationSeconds: number, longFrames = true): number {
  const frameMs = longFrames ? frameMsFor(bitrateMin, durationSeconds) : 20;
  // A packet has whole bytes.
  const bitrate = (Math.ceil((bitrateMin * frameMs) / 8000) * 8000) / frameMs;
  return Math.ceil((plannedBytes(bitrate, durationSeconds, frameMs) + 1) / (1 - margin)) + 1;
}

function packetCount(durationSeconds: number, frameMs: number): number {
  return Math.max(1, Math.ceil(((durationSeconds + preSkipSeconds) * 1000) / frameMs));
}

function overheadBytes(durationSeconds: number, packets: number): number {
  return headerBytes + Math.ceil(durationSeconds / clusterSeconds) * clusterBytes + packets * blockBytes;
}
