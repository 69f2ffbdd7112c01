/** The process for native code and long computations of the speech steps. */
import { siblingModule } from '../../platform/sibling-module.ts';
import { EngineProcess } from '../engines/engine-process.ts';
import type { NativeRequest } from './native-worker.ts';

export class NativeProcess extends EngineProcess<NativeRequest> {
  /** The process is killed when the signal fires. */
  constructor(signal: AbortSignal) {
    super(siblingModule(import.meta.url, 'native-worker'), 'speech', signal);
  }
}
