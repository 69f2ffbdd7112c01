/**
 * The memory that bytes on their way to the object store may take, in slabs of 1 MiB: one budget for the whole process, whatever the number
 * of uploads. Whoever holds slabs can always go on without more of them (by sending what is in them), so waiting never locks up.
 */
import { invariant } from '../../core/errors.ts';

export const slabBytes = 1024 * 1024;

export class SlabPool {
  readonly #slabsMax: number;
  readonly #spare: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = 0;
  /** Gives back slabs that are only kept because there was room; false when there are none. */
  onShort: () => boolean = () => false;

  constructor(bytesMax: number) {
    this.#slabsMax = Math.max(2, Math.floor(bytesMax / slabBytes));
  }

  /** Bytes that are out. */
  get takenBytes(): number {
    return this.#taken * slabBytes;
  }

  get bytesMax(): number {
    return this.#slabsMax * slabBytes;
  }

  /** A slab, or null when there is none at once, or somebody waits for one. */
  tryTake(): Buffer | null {
    if (this.#waiting.length > 0) return null;
    if (this.#taken >= this.#slabsMax && !this.onShort()) return null;
    this.#taken += 1;
    return this.#spare.pop() ?? newSlab();
  }

  /** A slab, once there is one. First come, first served. */
  async take(): Promise<Buffer> {
    const slab = this.tryTake();
    if (slab !== null) return slab;
    // Whoever gives one back leaves it counted for us.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#spare.pop() ?? newSlab();
  }

  give(slabs: readonly Buffer[]): void {
    for (const slab of slabs) {
      invariant(this.#taken > 0, 'a slab that was taken');
      this.#spare.push(slab);
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }
}

/** Shared memory, so that threads hash it where it is. */
function newSlab(): Buffer {
  return Buffer.from(new SharedArrayBuffer(slabBytes));
}

/** Bytes collected in slabs. */
export class Slabs {
  readonly #pool: SlabPool;
  readonly #slabs: Buffer[];
  /** Bytes in them. */
  bytes = 0;

  constructor(pool: SlabPool, slabs: Buffer[] = []) {
    this.#pool = pool;
    this.#slabs = slabs;
  }

  get isFull(): boolean {
    return this.bytes === this.#slabs.length * slabBytes;
  }

  /** Memory that they take. */
  get heldBytes(): number {
    return this.#slabs.length * slabBytes;
  }

  /** Room for more; false when the pool has none at once. */
  tryGrow(): boolean {
    const slab = this.#pool.tryTake();
    if (slab !== null) this.#slabs.push(slab);
    return slab !== null;
  }

  /** Room for more, once the pool has some. Only for who holds nothing. */
  async grow(): Promise<void> {
    invariant(this.#slabs.length === 0, 'nobody waits for room while holding some');
    this.#slabs.push(await this.#pool.take());
  }

  /** Copies as much as there is room for; the number of bytes. */
  add(bytes: Uint8Array): number {
    const last = this.#slabs.at(-1);
    if (last === undefined) return 0;
    const used = this.bytes - (this.#slabs.length - 1) * slabBytes;
    const taken = Math.min(bytes.byteLength, slabBytes - used);
    last.set(bytes.subarray(0, taken), used);
    this.bytes += taken;
    return taken;
  }

  /** What is in them, in order; valid until `give`. */
  buffers(): Buffer[] {
    return this.#slabs
      .map((slab, i) => slab.subarray(0, Math.min(slabBytes, this.bytes - i * slabBytes)))
      .filter((buffer) => buffer.byteLength > 0);
  }

  /** The same bytes for somebody else to give back; nothing is left here. */
  handOver(): Slabs {
    const { bytes } = this;
    const others = new Slabs(this.#pool, this.#slabs.splice(0));
    others.bytes = bytes;
    this.bytes = 0;
    return others;
  }

  /** Gives the memory back. Again is fine. */
  give(): void {
    this.bytes = 0;
    this.#pool.give(this.#slabs.splice(0));
  }
}
