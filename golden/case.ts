/** A golden case's tensors, and comparing some of them with computed ones. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../src/errors.js';
import { readSafetensors } from '../src/formats/index.js';
import { type Tensor, toFloat32 } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';

export class GoldenTensors {
  private constructor(
    private readonly path: string,
    readonly all: ReadonlyMap<string, Tensor>,
  ) {}

  static async read(folder: string, file = 'io.safetensors'): Promise<GoldenTensors> {
    const path = join(folder, file);
    return new GoldenTensors(path, (await readSafetensors(path)).tensors);
  }

  has(name: string): boolean {
    return this.all.has(name);
  }

  /** Throws InputError where the case has no such tensor. */
  get(name: string): Tensor {
    const found = this.all.get(name);
    if (!found) throw new InputError(`${this.path} has no "${name}"; make the golden case again`);
    return found;
  }

  float32(name: string): Tensor<'float32'> {
    return this.get(name) as Tensor<'float32'>;
  }

  int32(name: string): Tensor<'int32'> {
    return this.get(name) as Tensor<'int32'>;
  }

  /** One check for each computed tensor that the case has. */
  compare(computed: Readonly<Record<string, Tensor | undefined>>, tolerance: number): Check[] {
    return Object.entries(computed).flatMap(([quantity, actual]): Check[] => {
      if (!this.has(quantity) || !actual) return [];
      return [{ quantity, error: relMax(toFloat32(actual), toFloat32(this.get(quantity))), tolerance }];
    });
  }
}

/** A case's case.json. */
export async function readDescription<T>(folder: string): Promise<T> {
  return JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as T;
}

/** Element `i` along the first axis. */
export function elementAt({ dtype, shape, data }: Tensor, i: number): Tensor {
  const size = data.length / shape[0]!;
  return { dtype, shape: shape.slice(1), data: data.subarray(i * size, (i + 1) * size) } as Tensor;
}
