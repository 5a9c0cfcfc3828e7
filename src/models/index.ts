/** Networks by diffusers' names, and reading and writing their folders. */
export { momentsToGaussian, scaleLatents, unscaleLatents, vaeDecode, vaeEncode } from './autoencoder-kl.js';
export { parseVaeConfig, type VaeConfig, vaeScaleFactor } from './autoencoder-kl-config.js';
export {
  BLIP_ANSWERING,
  BLIP_CAPTIONING,
  type BlipConfig,
  blipDecoderLogits,
  blipImageStates,
  blipQuestionStates,
} from './blip.js';
export {
  CLIP,
  type ClipConfig,
  clipImageFeatures,
  clipLogitScale,
  clipTextFeatures,
} from './clip.js';
export {
  type ClipTextConfig,
  clipFinalLayerNorm,
  clipTextModel,
  parseClipTextConfig,
  pooledRows,
} from './clip-text.js';
export { clipVisionModel } from './clip-vision.js';
export type { JsonObject } from './config.js';
export { type WriteModelOptions, writeModel } from './convert.js';
export { type EncoderParts, Encoders } from './encoders.js';
export { type DownloadEvent, downloadModel, parseHubName } from './hub-model.js';
export { ImageProcessor } from './image-processor.js';
export { INCEPTION_SIDE, type InceptionFeatures, inceptionV3, loadInception } from './inception.js';
export { inceptionPixels } from './inception-pixels.js';
export {
  type LearnedToken,
  rowsOfWord,
  tokenTable,
  withLearnedTokens,
  withTableRows,
} from './learned-token.js';
export { loadNetwork, saveNetwork } from './load.js';
export { checkWeights, type ModelFiles } from './model-files.js';
export { type ModelConfigs, modelConfigs, readEncoders, readUNet } from './model-parts.js';
export {
  CLIP_TEXT,
  initializeNetwork,
  type NetworkKind,
  type SavableNetwork,
  UNET,
  VAE,
} from './network-kind.js';
export { holdsUNet, loadUNet, type OpenModelOptions, openModel } from './open-model.js';
export { SAVE_DTYPES, type SaveDType } from './precision.js';
export { saveStableDiffusion } from './save.js';
export { SessionCache } from './session-cache.js';
export { PREDICTION_TYPES, type PredictionType } from './single-file/families.js';
export { originalUNetKeys } from './single-file/unet-keys.js';
export {
  type LoadOptions,
  pictureSides,
  StableDiffusion,
  type StableDiffusionConfigs,
  type StableDiffusionParts,
} from './stable-diffusion.js';
export {
  type Conditioning,
  type PictureSizes,
  type PromptEncoder,
  stackConditionings,
  type TextStates,
  timeIds,
} from './text-conditioning.js';
export {
  type AddedConditions,
  parseUNetConfig,
  type UNetConfig,
  type UNetInputs,
  unet2DCondition,
} from './unet-2d-condition.js';
export { declareUNet, unetParameterShapes } from './unet-parameters.js';
