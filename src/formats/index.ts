/** File formats: safetensors, tokenizers and atomic files. */
export { ClipTokenizer } from './clip-tokenizer.js';
export {
  ensureFolder,
  exists,
  type FileData,
  fileError,
  readJson,
  readText,
  sha256OfFile,
  writeFileAtomic,
} from './files.js';
export {
  type LazyTensor,
  openSafetensors,
  readSafetensors,
  SafetensorsFile,
  type TensorEntry,
  type Tensors,
  writeSafetensors,
} from './safetensors.js';
