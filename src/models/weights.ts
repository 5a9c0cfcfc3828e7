/** The weight files of a component folder: safetensors or pickles, plain, .fp16, .bf16, sharded. */
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import {
  exists,
  type LazyTensor,
  lazyTensors,
  openTensorFile,
  readJson,
  type TensorFile,
} from '../formats/index.js';
import { type Tensor, tensor, toFloat32 } from '../tensor/index.js';

/** What file names have before `.safetensors`, the one that is taken first where none is asked for. */
const VARIANTS = ['', '.fp16', '.bf16'];

const indexSchema = z.object({
  weight_map: z.record(
    z.string(),
    z.string().refine((name) => name === basename(name), 'expected a file name without a folder'),
  ),
});

/** A way to name the weights of a component; `index` is the file that lists shards. */
interface Naming {
  readonly file: string;
  readonly index: string;
}

/** In the order of preference: safetensors before pickles, then the variant asked for, full precision before half. */
export function weightNamings(name: string, asked?: string): Naming[] {
  const pickled = name === 'model' ? 'pytorch_model' : name;
  const forms = [
    [name, 'safetensors'],
    [pickled, 'bin'],
  ] as const;
  const variants = new Set(asked === undefined ? VARIANTS : [`.${asked}`, ...VARIANTS]);
  return forms.flatMap(([start, ending]) =>
    [...variants].map((variant) => ({
      file: `${start}${variant}.${ending}`,
      index: `${start}.${ending}.index${variant}.json`,
    })),
  );
}

/** The names of the files that an index lists. Throws InputError where it is broken. */
export async function shardsOf(index: string): Promise<string[]> {
  const { weight_map } = await readJson(index, indexSchema);
  return [...new Set(Object.values(weight_map))];
}

/** The files that hold the weights `name`; throws InputError where there are none. */
async function weightFiles(folder: string, name: string, variant: string | undefined): Promise<string[]> {
  for (const { file, index } of weightNamings(name, variant)) {
    if (await exists(join(folder, file))) return [join(folder, file)];
    if (!(await exists(join(folder, index)))) continue;
    return (await shardsOf(join(folder, index))).map((shard) => join(folder, shard));
  }
  throw new InputError(`expected ${name}.safetensors in ${folder}; check that the folder is complete`);
}

/** The weights of one component while their files are open. */
export interface Weights {
  /** What an error calls the place they are in. */
  readonly place: string;
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  close(): Promise<void>;
}

/**
 * Opens a component's weights; of the `variant` (such as fp16) where there are several. Throws InputError where a file is
 * missing, broken, or two of them have the same weight.
 */
export async function openWeights(folder: string, name: string, variant?: string): Promise<Weights> {
  const files: TensorFile[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const tensors = new Map<string, LazyTensor>();
    const pathOf = new Map<string, string>();
    for (const path of await weightFiles(folder, name, variant)) {
      const file = await openTensorFile(path);
      files.push(file);
      for (const [key, lazy] of lazyTensors(file)) {
        const other = pathOf.get(key);
        if (other) throw new InputError(`weight "${key}" is in ${other} and in ${path}; remove one of them`);
        pathOf.set(key, path);
        tensors.set(key, lazy);
      }
    }
    return { place: folder, tensors, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const READABLE = ['float32', 'float16', 'bfloat16', 'float64'];

/** The weight in float32. Throws InputError where it is stored as something else than a float. */
export async function readWeight({ place, tensors }: Weights, key: string): Promise<Tensor<'float32'>> {
  const lazy = tensors.get(key)!;
  if (!READABLE.includes(lazy.dtype)) {
    throw new InputError(
      `weight "${key}" in ${place} is ${lazy.dtype}; expected ${READABLE.join(', ')}, so take a version that is not quantized`,
    );
  }
  return tensor(lazy.shape, toFloat32(await lazy.load()));
}

/** A weight that is stored in float16, as it is. Throws InputError where it is stored in another type. */
export async function readHalf({ place, tensors }: Weights, key: string): Promise<Tensor<'float16'>> {
  const lazy = tensors.get(key)!;
  if (lazy.dtype === 'float16') return (await lazy.load()) as Tensor<'float16'>;
  throw new InputError(
    `weight "${key}" in ${place} is stored in ${lazy.dtype}, and keeping it in float16 would round it; make a model of it with "sara convert --dtype float16" first, or leave --weight-dtype out`,
  );
}
