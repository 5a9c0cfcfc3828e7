/** Which model a command works with: settings that every such command has alike. */
import { PREDICTION_TYPES } from '../models/index.js';
import { oneOf, text } from './settings.js';

export const modelSettings = {
  model: text('a model folder or file').meta({
    argument: '<path>',
    help: 'Stable Diffusion: a folder, a .safetensors or .ckpt file, or hub:owner/name',
  }),
  predictionType: oneOf(PREDICTION_TYPES)
    .optional()
    .meta({ argument: '<type>', help: `${PREDICTION_TYPES.join(', ')}: if the file does not say it` }),
};
