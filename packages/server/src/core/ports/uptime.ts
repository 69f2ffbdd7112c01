/** Time that only goes forward, whatever happens to the clock, and that processes on one machine share until it boots again. */
export interface Uptime {
  /** Milliseconds since some moment of this boot. */
  now(): number;
  /** Which boot of the machine; where that cannot be told, which process. */
  readonly boot: string;
}
