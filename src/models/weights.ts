/** The safetensors files of a component folder: plain, .fp16, sharded. */
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import {
  exists,
  openSafetensors,
  readJson,
  type SafetensorsFile,
  type TensorEntry,
} from '../formats/index.js';
import { type Tensor, tensor, toFloat32 } from '../tensor/index.js';

/** The variant that is taken where there is no full-precision file. */
const VARIANT = 'fp16';

const indexSchema = z.object({
  weight_map: z.record(
    z.string(),
    z.string().refine((name) => name === basename(name), 'expected a file name without a folder'),
  ),
});

/** The files that hold the weights `name`; throws InputError where there are none. */
async function weightFiles(folder: string, name: string): Promise<string[]> {
  for (const suffix of ['', `.${VARIANT}`]) {
    const single = join(folder, `${name}${suffix}.safetensors`);
    if (await exists(single)) return [single];
    const index = join(folder, `${name}.safetensors.index${suffix}.json`);
    if (!(await exists(index))) continue;
    const { weight_map } = await readJson(index, indexSchema);
    return [...new Set(Object.values(weight_map))].map((shard) => join(folder, shard));
  }
  for (const pickle of ['diffusion_pytorch_model', 'pytorch_model']) {
    const path = join(folder, `${pickle}.bin`);
    if (await exists(path)) {
      throw new InputError(
        `${path} is a Python pickle, which can run code when it is read; convert it to ${name}.safetensors first`,
      );
    }
  }
  throw new InputError(`expected ${name}.safetensors in ${folder}; check that the folder is complete`);
}

const READABLE = ['float32', 'float16', 'bfloat16', 'float64'];

/** The open weights of one component, in one file or several. */
export class WeightFiles {
  private constructor(
    private readonly files: readonly SafetensorsFile[],
    private readonly fileOf: ReadonlyMap<string, SafetensorsFile>,
  ) {}

  /** Throws InputError where a file is missing, broken, or two of them have the same weight. */
  static async open(folder: string, name: string): Promise<WeightFiles> {
    const files: SafetensorsFile[] = [];
    try {
      const fileOf = new Map<string, SafetensorsFile>();
      for (const path of await weightFiles(folder, name)) {
        const file = await openSafetensors(path);
        files.push(file);
        for (const key of file.tensors.keys()) {
          const other = fileOf.get(key);
          if (other)
            throw new InputError(`weight "${key}" is in ${other.path} and in ${path}; remove one of them`);
          fileOf.set(key, file);
        }
      }
      return new WeightFiles(files, fileOf);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  get keys(): Iterable<string> {
    return this.fileOf.keys();
  }

  entry(key: string): TensorEntry {
    return this.fileOf.get(key)!.tensors.get(key)!;
  }

  /** The weight in float32. Throws InputError where it is stored as something else than a float. */
  async read(key: string): Promise<Tensor<'float32'>> {
    const file = this.fileOf.get(key)!;
    const { dtype, shape } = this.entry(key);
    if (!READABLE.includes(dtype)) {
      throw new InputError(
        `weight "${key}" in ${file.path} is ${dtype}; expected ${READABLE.join(', ')}, so take a version that is not quantized`,
      );
    }
    return tensor(shape, toFloat32(await file.read(key)));
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }
}
