/** ComfyUI's patch of a UNet: differences of whole tensors, which its LoRA loader adds to the weights. */
import { type LazyTensor, writeSafetensors } from '../formats/index.js';
import { originalUNetKeys, type UNetConfig } from '../models/index.js';
import type { AdaptedWeights, WeightDelta } from '../peft/index.js';
import { float32ToHalf, sizeOf, type Tensor, tensor, tensorOf } from '../tensor/index.js';

export type ComfyDType = 'float16' | 'float32';

/**
 * Writes `diffusion_model.<original module>.diff` for weights and `.diff_b` for biases: the changed tensors alone, dense,
 * with one of them in memory at a time. Gives how many there are. Throws InputError where the operating system refuses.
 */
export async function saveComfyPatch(
  path: string,
  weights: AdaptedWeights,
  config: UNetConfig,
  dtype: ComfyDType,
): Promise<number> {
  const names = comfyNames(config, weights.changed);
  const tensors = new Map<string, LazyTensor>();
  for (const [key, name] of names) {
    const shape = weights.shapes.get(key)!;
    tensors.set(name, { dtype, shape, load: async () => dense(await weights.change(key), dtype) });
  }
  await writeSafetensors(path, tensors, { format: 'pt' });
  return tensors.size;
}

/** The patch's name for the change of each weight. */
export function comfyNames(config: UNetConfig, keys: Iterable<string>): Map<string, string> {
  const originals = [...originalUNetKeys(config, keys)];
  return new Map(
    originals.map(([key, original]) => {
      const part = original.endsWith('.bias') ? '.diff_b' : '.diff';
      return [key, `diffusion_model.${original.replace(/\.(weight|bias)$/, part)}`];
    }),
  );
}

function dense({ shape, positions, values }: WeightDelta, dtype: ComfyDType): Tensor {
  let data = values;
  if (positions) {
    data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < values.length; i++) data[positions[i]!] = values[i]!;
  }
  return dtype === 'float32' ? tensor(shape, data) : tensorOf('float16', shape, float32ToHalf(data));
}
