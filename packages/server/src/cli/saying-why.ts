/** Why an upload waits for a server that has never answered: the wait is the same for one that restarts and one whose address is wrong. */
import type { NodeTransport } from '@holdfast/client/node';
import { Upload } from '@holdfast/protocol';
import { hasShape } from './answer-shape.ts';
import { safeText } from './format-text.ts';
import { whyNoAnswer } from './no-answer.ts';
import type { Display } from './progress.ts';

/** Of a foreign answer, to be recognised by. */
const shownCharsMax = 120;

/** Says each reason once, until the server has answered. The first answer of every upload is what it has of it, or a refusal. */
export function sayingWhy(transport: NodeTransport, url: string, display: Display): NodeTransport {
  let met = false;
  let said = '';
  const say = (words: string) => {
    if (!met && words !== said) display.say(`  ${words}`);
    said = words;
  };
  return {
    ...transport,
    send: async (request, options) => {
      try {
        const response = await transport.send(request, options);
        const { status, text } = response;
        const foreign = status >= 200 && status <= 299 && !isUpload(text);
        if (foreign) say(`${url} answers ${status}, but not as Holdfast: ${beginningOf(text)}`);
        else met = true;
        return response;
      } catch (error) {
        if (!options.signal.aborted) say(`${url} does not answer: ${whyNoAnswer(error, url)}`);
        throw error;
      }
    },
  };
}

function isUpload(text: string): boolean {
  try {
    return hasShape(JSON.parse(text), Upload);
  } catch {
    return false;
  }
}

function beginningOf(text: string): string {
  const words = safeText(text.replace(/\s+/g, ' ')).trim().slice(0, shownCharsMax);
  return words === '' ? '(nothing)' : words;
}
