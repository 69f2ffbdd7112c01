/** What happens to every video and sound file unless the configuration says otherwise. */
import { definePipeline } from './definition.ts';
import { builtInSteps } from './steps/registry.ts';

export const defaultPipeline = definePipeline({ name: 'media', steps: builtInSteps });
