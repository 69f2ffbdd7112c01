/** From a recogniser's scores to text: connectionist temporal classification (Graves et al., 2006), the best character at each step. Pure. */

export interface Spelled {
  readonly text: string;
  /** Mean of the characters' scores, 0 … 1; 0 without characters. */
  readonly confidence: number;
}

/**
 * A model that learnt mostly from Chinese is shy of spaces: it gives them a few hundredths where words part, and next to nothing within words.
 * Measured between the words of slides: 0.035 and more; within words 0.013 at most.
 */
const spaceMin = 0.03;

/** `scores`: for each step one per class, of which 0 is "no character", the last the space and the others are `characters`. */
export function spell(scores: Float32Array, characters: readonly string[]): Spelled {
  const classes = characters.length + 2;
  const space = classes - 1;
  let text = '';
  let [sum, count, before, parting] = [0, 0, 0, 0];
  for (let from = 0; from + classes <= scores.length; from += classes) {
    const best = bestOf(scores, from, classes);
    const score = scores[from + best] ?? 0;
    if (best === 0) parting = Math.max(parting, scores[from + space] ?? 0);
    else if (best === space) parting = 1;
    else if (best !== before) {
      if (parting >= spaceMin) text += ' ';
      text += characters[best - 1] ?? '';
      sum += score;
      count += 1;
    }
    if (best !== 0 && best !== space) parting = 0;
    before = best;
  }
  return { text: text.trim(), confidence: count === 0 ? 0 : Math.min(1, sum / count) };
}

function bestOf(scores: Float32Array, from: number, classes: number): number {
  let best = 0;
  for (let i = 1; i < classes; i += 1) if ((scores[from + i] ?? 0) > (scores[from + best] ?? 0)) best = i;
  return best;
}
