/**
 * Writes one track of Opus as WebM (RFC 9559, and its codec mapping for A_OPUS), exact to the sample: decoders leave out what the encoder put before
 * the first sample (CodecDelay) and behind the last (DiscardPadding).
 */
import { framesPerCluster } from '../size-plan.ts';
import { type Bytes, concatenated, element, elementSize, float64, text, uint } from './ebml.ts';

const nsPerSecond = 1e9;
const opusRate = 48_000;
/** What a decoder has to decode before a place to be right there: 80 ms (RFC 7845, section 4.6). */
const seekPreRollNs = 80_000_000;
/** Clusters are collected into parts of a Blob of at least this size: the browser keeps those outside of this process. */
const partBytes = 256 * 1024;
const spareFrames = 2;

export interface EndOfTrack {
  /** `OpusHead`, as the encoder describes itself. */
  readonly opusHead: Bytes;
  /** Samples at 48 kHz that are to be left out at the beginning. */
  readonly preSkip: number;
  readonly seconds: number;
}

export class WebmWriter {
  readonly #frameMs: number;
  readonly #framesPerCluster: number;
  readonly #parts: Blob[] = [];
  readonly #clusterSizes: number[] = [];
  #pending: Bytes[] = [];
  #pendingBytes = 0;
  readonly #cluster: Bytes[] = [];
  #frames = 0;
  #bytes = 0;

  constructor(frameMs: number) {
    this.#frameMs = frameMs;
    this.#framesPerCluster = framesPerCluster(frameMs);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#bytes;
  }

  /** Frames follow each other without gaps. */
  add(frame: Bytes): void {
    // The last frames stay at hand: the end may have to do without them.
    if (this.#cluster.length === this.#framesPerCluster + spareFrames) this.#endCluster(this.#framesPerCluster);
    this.#cluster.push(frame);
    this.#frames++;
    this.#bytes += frame.length;
  }

  /** The whole file. */
  finish(end: EndOfTrack): Blob {
    const needed = end.preSkip / opusRate + end.seconds;
    // Encoders may round the end up to more frames than it takes.
    while (this.#cluster.length > 1 && this.#seconds(this.#frames - 1) >= needed) {
      this.#bytes -= this.#cluster.pop()?.length ?? 0;
      this.#frames--;
    }
    if (this.#cluster.length > this.#framesPerCluster) this.#endCluster(this.#framesPerCluster);
    const spare = Math.max(0, this.#seconds(this.#frames) - needed);
    this.#endCluster(this.#cluster.length, Math.round(spare * nsPerSecond));
    this.#endPart();
    const clusterBytes = this.#clusterSizes.reduce((sum, size) => sum + size, 0);
    const cues = this.#cues(segmentHead(end, 0).length);
    const head = segmentHead(end, clusterBytes);
    const segmentBytes = head.length + clusterBytes + cues.length;
    const segmentStart = element(ids.segment, [], 1).subarray(0, 4);
    const start = concatenated([ebmlHead, segmentStart, elementSize(segmentBytes, 8), head]);
    return new Blob([start, ...this.#parts, cues], { type: 'audio/webm;codecs=opus' });
  }

  #seconds(frames: number): number {
    return (frames * this.#frameMs) / 1000;
  }

  /** A cluster of the first `count` frames; `discardNs` for the last one of all. */
  #endCluster(count: number, discardNs: number | null = null): void {
    if (count === 0) return;
    const first = this.#frames - this.#cluster.length;
    const blocks = this.#cluster.splice(0, count).map((frame, index) => {
      const isLast = discardNs !== null && index === count - 1;
      return isLast ? lastBlock(frame, index * this.#frameMs, discardNs) : simpleBlock(frame, index * this.#frameMs);
    });
    const cluster = element(ids.cluster, [uint(ids.timestamp, first * this.#frameMs, 4), ...blocks], 4);
    this.#clusterSizes.push(cluster.length);
    this.#pending.push(cluster);
    this.#pendingBytes += cluster.length;
    if (this.#pendingBytes >= partBytes) this.#endPart();
  }

  #endPart(): void {
    if (this.#pending.length > 0) this.#parts.push(new Blob(this.#pending));
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #cues(firstCluster: number): Bytes {
    let position = firstCluster;
    const points = this.#clusterSizes.map((size, index) => {
      const time = index * this.#framesPerCluster * this.#frameMs;
      const place = element(
        ids.cueTrackPositions,
        [uint(ids.cueTrack, 1), uint(ids.cueClusterPosition, position, 8)],
        1,
      );
      position += size;
      return element(ids.cuePoint, [uint(ids.cueTime, time, 4), place], 1);
    });
    return element(ids.cues, points, 4);
  }
}

const ids = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  info: 0x1549a966,
  tracks: 0x1654ae6b,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
};

const ebmlHead = element(ids.ebml, [
  uint(0x4286, 1), // EBMLVersion
  uint(0x42f7, 1), // EBMLReadVersion
  uint(0x42f2, 4), // EBMLMaxIDLength
  uint(0x42f3, 8), // EBMLMaxSizeLength
  text(0x4282, 'webm'), // DocType
  uint(0x4287, 4), // DocTypeVersion
  uint(0x4285, 2), // DocTypeReadVersion
]);

/** Everything in the segment before the clusters; always equally long for the same `OpusHead`. */
function segmentHead({ opusHead, preSkip, seconds }: EndOfTrack, clusterBytes: number): Bytes {
  const info = element(ids.info, [
    uint(0x2ad7b1, 1_000_000, 4), // TimestampScale: milliseconds
    float64(0x4489, seconds * 1000), // Duration
    text(0x4d80, 'holdfast'), // MuxingApp
    text(0x5741, 'holdfast'), // WritingApp
  ]);
  const audio = element(0xe1, [float64(0xb5, opusRate), uint(0x9f, 1)]); // SamplingFrequency, Channels
  const track = element(0xae, [
    uint(0xd7, 1), // TrackNumber
    uint(0x73c5, 1), // TrackUID
    uint(0x83, 2), // TrackType: audio
    uint(0x9c, 0), // FlagLacing
    text(0x86, 'A_OPUS'), // CodecID
    uint(0x56aa, Math.round((preSkip / opusRate) * nsPerSecond), 4), // CodecDelay
    uint(0x56bb, seekPreRollNs, 4), // SeekPreRoll
    element(0x63a2, [opusHead]), // CodecPrivate
    audio,
  ]);
  const tracks = element(ids.tracks, [track]);
  const seek = (id: number, position: number) =>
    element(0x4dbb, [element(0x53ab, [element(id, [], 1).subarray(0, 4)], 1), uint(0x53ac, position, 8)], 1);
  const seekHeadLength = element(ids.seekHead, [seek(ids.info, 0), seek(ids.tracks, 0), seek(ids.cues, 0)]).length;
  const places = [
    seek(ids.info, seekHeadLength),
    seek(ids.tracks, seekHeadLength + info.length),
    seek(ids.cues, seekHeadLength + info.length + tracks.length + clusterBytes),
  ];
  return concatenated([element(ids.seekHead, places), info, tracks]);
}

function simpleBlock(frame: Bytes, relativeMs: number): Bytes {
  return element(0xa3, [blockHead(relativeMs, 0x80), frame]);
}

/** Says how much of the frame's end is no sound. */
function lastBlock(frame: Bytes, relativeMs: number, discardNs: number): Bytes {
  return element(0xa0, [element(0xa1, [blockHead(relativeMs, 0), frame]), uint(0x75a2, discardNs, 4)]);
}

function blockHead(relativeMs: number, flags: number): Bytes {
  return Uint8Array.of(0x81, relativeMs >> 8, relativeMs & 0xff, flags);
}
