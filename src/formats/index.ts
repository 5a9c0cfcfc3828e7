/** File formats: safetensors, tokenizers, pictures and atomic files. */
export { BertTokenizer } from './bert-tokenizer.js';
export { ClipTokenizer } from './clip-tokenizer.js';
export { readTokenizerFiles, TOKENIZER_FILE_NAMES, type TokenizerFiles } from './clip-tokenizer-folder.js';
export { type ContactSheetOptions, contactSheet } from './contact-sheet.js';
export {
  ensureFolder,
  exists,
  type FileData,
  fileError,
  parseJson,
  readJson,
  readText,
  sha256OfFile,
  writeFileAtomic,
} from './files.js';
export { HubRepository, openHubRepository } from './hub/repository.js';
export {
  type CropGeometry,
  type CropPosition,
  cropGeometry,
  decodeImage,
  encodePng,
  fromUnit,
  type Image,
  readImage,
  resizeCrop,
  toUnit,
  writePng,
} from './images.js';
export { type ResampleFilter, resample } from './resample.js';
export {
  type LazyTensor,
  openSafetensors,
  readSafetensors,
  SafetensorsFile,
  type TensorEntry,
  type Tensors,
  writeSafetensors,
} from './safetensors.js';
export { isTorchFile, lazyTensors, openTensorFile, type TensorFile } from './tensor-file.js';
export type { WritableTorchValue } from './torch/pickle-writer.js';
export { quoted } from './torch/quoted.js';
export { openTorchTensors, readTorchValue, TorchFile, type TorchValue } from './torch/torch-file.js';
export { writeTorch } from './torch/torch-writer.js';
export { readYaml } from './yaml.js';
