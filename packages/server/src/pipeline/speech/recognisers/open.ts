/** From parameters to a recogniser that is ready. */
import { PermanentStepError } from '../../context.ts';
import type { Recogniser, RecogniserContext } from '../recogniser.ts';
import { CommandRecogniser } from './command.ts';
import { OpenAiRecogniser } from './openai.ts';
import { Pocketsphinx } from './pocketsphinx.ts';
import { SherpaRecogniser } from './sherpa-onnx.ts';

/** Rejects with `PermanentStepError` when the parameters lack what the engine needs. */
export async function openRecogniser(context: RecogniserContext): Promise<Recogniser> {
  const { engine, url, model, command } = context.params;
  switch (engine) {
    case 'pocketsphinx':
      if (model === null) throw new PermanentStepError('pocketsphinx needs the folder of its model (speechModel).');
      return new Pocketsphinx(context);
    case 'command':
      if (command.length === 0) throw new PermanentStepError('The engine "command" needs speechCommand.');
      return new CommandRecogniser(context);
    case 'openai':
      if (url === null || !URL.canParse(url)) throw new PermanentStepError('The engine "openai" needs speechUrl.');
      return new OpenAiRecogniser(context);
    case 'sherpa-onnx':
      return SherpaRecogniser.open(context);
    case 'none':
      throw new PermanentStepError('No speech engine is chosen.');
  }
}
