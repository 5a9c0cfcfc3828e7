/** Files of other programs: what this program writes for them, and which of them reads which file. */
export { AdaptedModel } from './adapted-model.js';
export { type AdapterTarget, importAdapter, readAdapter } from './adapter-import.js';
export {
  APPLICATIONS,
  type Application,
  type Loads,
  type Verdict,
} from './applications.js';
export { checkFile, type FileCheck } from './check.js';
export { saveComfyPatch } from './comfyui.js';
export { LEARNED_TOKEN, readEmbedding, saveEmbeddings } from './embedding-file.js';
export {
  extractLora,
  type LeftOut,
  LORA_LAYERS,
  type Lora,
  type LoraLayer,
  type LoraLayers,
  type LoraOptions,
} from './lora.js';
export { LORA_NAMES, type LoraNames, saveLora } from './lora-file.js';
export { adapterFiles } from './lora-import.js';
