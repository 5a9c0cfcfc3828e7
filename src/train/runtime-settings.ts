/** Where and how wide graphs run: settings of every command that runs a model. */
import { DEVICES } from '../runtime/index.js';
import { oneOf, whole } from './settings.js';

export const runtimeSettings = {
  device: oneOf(DEVICES)
    .default('cpu')
    .meta({ argument: '<name>', help: `runs on: ${DEVICES.join(', ')}` }),
  threads: whole(1)
    .optional()
    .meta({ argument: '<n>', help: 'threads of an operator; all cores unless given' }),
};
