/** The settings of engines that recognise speech and text and write summaries. See docs/speech.md. */
import { Type } from 'typebox';

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 2_000, description }));

export const engineProperties = {
  speechEngine: Type.Enum(['auto', 'none', 'pocketsphinx', 'command', 'openai', 'sherpa-onnx'], {
    default: 'auto',
    description:
      'What transcribes speech: auto, none, pocketsphinx, command, openai (any server with that API) or sherpa-onnx. auto takes what the other settings name, else pocketsphinx where it is installed.',
  }),
  speechModel: text('Name of the model for a server, or path of its file or folder.'),
  speechLanguage: text('Language of the speech, such as en or de; unset lets the engine find out.'),
  speechUrl: text('Server that transcribes, up to and with /v1: http://localhost:8000/v1.'),
  speechApiKey: text('Key for that server. Never logged, stored or shown.'),
  speechApiKeyFile: text('File that has that key, instead of speechApiKey.'),
  speechCommand: Type.Array(Type.String({ minLength: 1, maxLength: 2_000 }), {
    default: [],
    maxItems: 100,
    description:
      'Program that transcribes and its arguments, with {input}, {output}, {model}, {language}; the environment takes it as a JSON list.',
  }),
  speechCommandOutput: Type.Enum(['json', 'vtt', 'srt', 'txt'], {
    default: 'json',
    description: 'What that program writes: json, vtt, srt or txt; into {output}, or to its standard output.',
  }),
  speechChunkSeconds: Type.Number({
    default: 0,
    minimum: 0,
    maximum: 14_400,
    description: 'Longest stretch of speech that is recognised at once; 0: what suits the engine.',
  }),
  punctuationModel: text('Punctuation model of sherpa-onnx, for engines that write none.'),
  speakers: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 50,
    description: 'How many people speak in the recordings; 0: find out (experimental).',
  }),
  speakerSegmentationModel: text('Speaker segmentation model (pyannote) of sherpa-onnx.'),
  speakerEmbeddingModel: text('Speaker embedding model of sherpa-onnx.'),
  textEngine: Type.Enum(['auto', 'none', 'tesseract', 'pp-ocr'], {
    default: 'auto',
    description:
      'What reads text in pictures: auto (pp-ocr where it is installed and knows the language, else tesseract), tesseract, pp-ocr or none.',
  }),
  textLanguage: Type.String({
    default: 'eng',
    pattern: '^[a-z]{3}(?:_[a-z]+)?$',
    description: 'Language of that text as tesseract names it: eng, deu, fra. Its data package has to be installed.',
  }),
  chatUrl: text('Server with a language model for summaries, up to and with /v1 (OpenAI’s chat API).'),
  chatModel: text('Name of that model. Needed with chatUrl.'),
  chatApiKey: text('Key for that server. Never logged, stored or shown.'),
  chatApiKeyFile: text('File that has that key, instead of chatApiKey.'),
  chatTokensMax: Type.Integer({
    default: 6_000,
    minimum: 500,
    maximum: 1_000_000,
    description:
      'Tokens of a file’s text that the model gets at once, about four characters each; longer texts go in parts.',
  }),
} as const;
