/** What every filter of the chain is: samples in, samples out, and what it still holds at the end. */

/**
 * A filter over one channel that remembers what it needs between blocks: the output does not depend on how the input is cut into blocks.
 * Samples are 32-bit floats, full scale at ±1.
 */
export interface Stage {
  /** The output that is certain after `input`; may be shorter or longer than it, also empty. `input` may be overwritten and returned. */
  process(input: Float32Array): Float32Array;
  /** What is left at the end. Afterwards the stage must not be used again. */
  flush(): Float32Array;
}

export const nothing = new Float32Array(0);

/** A stage whose output comes with its input, sample by sample. */
export function samplewise(step: (sample: number) => number): Stage {
  return {
    process(input) {
      for (let i = 0; i < input.length; i++) input[i] = step(input[i] ?? 0);
      return input;
    },
    flush: () => nothing,
  };
}

/** Stages one after the other. */
export function series(stages: readonly Stage[]): Stage {
  return {
    process: (input) => stages.reduce((samples, stage) => stage.process(samples), input),
    flush() {
      const tail: Float32Array[] = [];
      // What a stage still holds goes through the stages behind it before they are emptied.
      stages.forEach((stage, index) => {
        tail.push(stages.slice(index + 1).reduce((samples, next) => next.process(samples), stage.flush()));
      });
      return joined(tail);
    },
  };
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
