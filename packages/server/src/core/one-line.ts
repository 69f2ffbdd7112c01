/** Words from outside that are shown to people. */

/** Control characters, line ends, and the marks that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

/** One line of at most `charsMax` characters that can steer neither a terminal nor a log. */
export function oneLine(text: string, charsMax: number): string {
  // What is far beyond the limit is not worth looking at.
  const line = text
    .slice(0, charsMax * 4)
    .replace(unsafe, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length <= charsMax ? line.toWellFormed() : `${line.slice(0, charsMax - 1).toWellFormed()}…`;
}
