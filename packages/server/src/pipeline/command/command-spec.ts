/** What a command step is: the part that decides its result is in the ledger and in its key, the rest only in the configuration. */

export interface OutputSpec {
  /** Name of the file, with `{name}` for the asset's. */
  readonly file: string;
  readonly type: string;
  readonly required: boolean;
  readonly bytesMax: number;
  readonly from: 'file' | 'stdout';
}

/** Parameters of a command step, as the ledger has them. */
export interface CommandParams {
  /** Program and arguments with placeholders; the arguments of a group are left out together. */
  readonly command: readonly (string | readonly string[])[];
  readonly with: Readonly<Record<string, string | number | boolean>>;
  readonly env: Readonly<Record<string, string>>;
  /** Names of variables of the server's environment that are passed on. Their values are neither in the key nor in the ledger. */
  readonly inherit: readonly string[];
  /** False: none, where the kernel can take it away. */
  readonly network: boolean;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
}

/** How it is run; changes nothing in what it makes. */
export interface CommandRules {
  readonly exitCodes: {
    /** Tried again. Null: every code that has no other meaning. Given: all others are final. */
    readonly retry: readonly number[] | null;
    readonly never: readonly number[];
    readonly skip: readonly number[];
  };
  readonly limits: {
    /** Address space of each of its processes. */
    readonly memoryBytes?: number;
    /** Each file that it writes. */
    readonly fileBytes?: number;
    readonly cpuSeconds?: number;
  };
  /** The server's environment, of which a command sees only what is listed. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of `prlimit`; null when the machine has none. Needed for limits. */
  readonly prlimit: string | null;
  /** Command and options that start a program without a network; null where the kernel does not allow it. */
  readonly isolation: readonly string[] | null;
}

export interface CommandSpec {
  readonly name: string;
  readonly version: string;
  readonly params: CommandParams;
  readonly rules: CommandRules;
  /** Steps whose files it can do without. */
  readonly wants: readonly string[];
}
