/** Flags of the models that measure pictures. */
import { text } from '../train/settings.js';

export const metricModelSettings = {
  inception: text('a file').optional().meta({
    argument: '<file>',
    help: 'FID and KID with these weights of torch-fidelity or pytorch-fid (.pth or .safetensors)',
  }),
  clip: text('a CLIP folder').optional().meta({
    argument: '<folder>',
    help: 'CLIP score, CLIP-T, CLIP-I and distances with this CLIP, as transformers saves it',
  }),
  blip: text('a BLIP folder').optional().meta({
    argument: '<folder>',
    help: 'B-VQA with this BLIP for questions, such as Salesforce/blip-vqa-capfilt-large',
  }),
};
