/** sara-diffusion: fine-tuning Stable Diffusion with SaRA. The list of what the library offers. */
export { InputError, UsageError } from './errors.js';
export type { Image } from './formats/index.js';
export {
  contactSheet,
  openTorchTensors,
  readImage,
  readTorchValue,
  type TorchFile,
  type TorchValue,
  type WritableTorchValue,
  writePng,
  writeTorch,
} from './formats/index.js';
export { type GenerateOptions, type GenerateStep, generate } from './generate/index.js';
export { AdaptedModel, checkFile, type FileCheck, type Lora, type LoraOptions } from './interop/index.js';
export { StableDiffusion, saveStableDiffusion } from './models/index.js';
export {
  AdamW,
  type AdamWOptions,
  AdamWSara,
  type Adapter,
  type AdapterUse,
  applyAdapters,
  exportOfficialSara,
  importOfficialSara,
  learningRateFor,
  loadAdapter,
  mergeAdapters,
  type OfficialSara,
  type Optimizer,
  readOfficialSara,
  type SaraOptions,
  saveAdapter,
} from './peft/index.js';
export { DEVICES, type Device, type RuntimeOptions } from './runtime/index.js';
export { Random, type Tensor, tensor } from './tensor/index.js';
export {
  type Batch,
  constantSchedule,
  cosineSchedule,
  DivergenceError,
  ImageFolder,
  type ImageFolderOptions,
  type RunEvent,
  type RunHooks,
  type RunResult,
  type TrainConfig,
  Trainer,
  type TrainerOptions,
  type TrainerStep,
  type TrainInput,
  trainRun,
  trainSchema,
} from './train/index.js';
