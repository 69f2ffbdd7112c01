/** How large a recording becomes, computed from how Opus and WebM are written; and the other way round. */
import { bitrateMax, bitrateMin } from './presets.ts';

/** What Opus puts before the first sample, in seconds (312 samples at 48 kHz). */
const preSkipSeconds = 0.0065;
/** All of the file before the clusters, the head of the index, what the last block has more than the others (266 bytes), and some to spare. */
const headBytes = 280;
const clusterMs = 5000;
/** A cluster's head with its time stamp, and its place in the index. */
const clusterBytes = 37;
const blockBytes = 7;
/** What stays free of a target. */
const margin = 0.001;

/** Length of an Opus frame in ms. Every frame costs 7 bytes of container, so frames are long where bits are few. */
export function frameMsFor(bitrate: number): number {
  return bitrate < 48_000 ? 60 : 20;
}

export function framesPerCluster(frameMs: number): number {
  return Math.floor(clusterMs / frameMs);
}

/** Bytes of the file at a constant bitrate (bit/s). */
export function plannedBytes(bitrate: number, durationSeconds: number, frameMs: number): number {
  const packets = packetCount(durationSeconds, frameMs);
  return Math.round(overheadBytes(packets, frameMs) + packets * ((bitrate * frameMs) / 8000));
}

export interface TargetPlan {
  readonly bitrate: number;
  readonly frameMs: number;
}

/** The highest constant bitrate with which the file stays within `targetBytes`; null when that is below the floor of 16 kbit/s. */
export function planForTarget(targetBytes: number, durationSeconds: number, longFrames = true): TargetPlan | null {
  const attempt = (frameMs: number): TargetPlan => {
    const packets = packetCount(durationSeconds, frameMs);
    const packetBytes = Math.floor((targetBytes * (1 - margin) - overheadBytes(packets, frameMs)) / packets);
    return { bitrate: Math.min(bitrateMax, Math.floor((packetBytes * 8000) / frameMs)), frameMs };
  };
  const short = attempt(20);
  if (!longFrames || frameMsFor(short.bitrate) === 20) return short.bitrate >= bitrateMin ? short : null;
  const long = attempt(frameMsFor(bitrateMin));
  return long.bitrate >= bitrateMin ? long : null;
}

/** The smallest target that can be met. */
export function targetBytesMin(durationSeconds: number, longFrames = true): number {
  const frameMs = longFrames ? frameMsFor(bitrateMin) : 20;
  // A packet has whole bytes.
  const bitrate = (Math.ceil((bitrateMin * frameMs) / 8000) * 8000) / frameMs;
  return Math.ceil((plannedBytes(bitrate, durationSeconds, frameMs) + 1) / (1 - margin)) + 1;
}

function packetCount(durationSeconds: number, frameMs: number): number {
  return Math.max(1, Math.ceil(((durationSeconds + preSkipSeconds) * 1000) / frameMs));
}

function overheadBytes(packets: number, frameMs: number): number {
  const clusters = Math.ceil(packets / framesPerCluster(frameMs));
  return headBytes + clusters * clusterBytes + packets * blockBytes;
}
