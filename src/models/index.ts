/** Networks by diffusers' names, and reading and writing their folders. */
export { momentsToGaussian, scaleLatents, unscaleLatents, vaeDecode, vaeEncode } from './autoencoder-kl.js';
export { parseVaeConfig, type VaeConfig, vaeScaleFactor } from './autoencoder-kl-config.js';
export {
  type ClipTextConfig,
  clipFinalLayerNorm,
  clipTextModel,
  parseClipTextConfig,
  pooledRows,
} from './clip-text.js';
export type { JsonObject } from './config.js';
export { loadNetwork, saveNetwork } from './load.js';
export {
  CLIP_TEXT,
  initializeNetwork,
  type NetworkKind,
  type SavableNetwork,
  UNET,
  VAE,
} from './network-kind.js';
export { SAVE_DTYPES, type SaveDType } from './precision.js';
export { saveStableDiffusion } from './save.js';
export { originalUNetKeys } from './single-file/unet-keys.js';
export {
  StableDiffusion,
  type StableDiffusionConfigs,
  type StableDiffusionParts,
} from './stable-diffusion.js';
export {
  type AddedConditions,
  parseUNetConfig,
  type UNetConfig,
  type UNetInputs,
  unet2DCondition,
} from './unet-2d-condition.js';
export { declareUNet, unetParameterShapes } from './unet-parameters.js';
