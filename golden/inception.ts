/** The golden case metrics/inception: layers of FID's Inception, with weights that an integer hash makes. */
import { join } from 'node:path';
import { readImage } from '../src/formats/index.js';
import { InceptionEncoder, officialResize } from '../src/metrics/index.js';
import type { InceptionFeatures } from '../src/models/index.js';
import type { Parameters } from '../src/nn/index.js';
import { sizeOf, type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Check } from './check.js';
import { DATA } from './sara.js';

interface Description {
  hash_seed: number;
  images: Record<string, string>;
  parameters_order: [name: string, shape: number[]][];
}

const LAYERS: readonly (keyof InceptionFeatures)[] = [
  '64',
  '192',
  '768',
  '2048',
  'logits_unbiased',
  'logits',
];
const RTOL = 2e-4;
/** Of the layer's largest value. */
const ATOL = 2e-5;

export async function runInceptionCase(folder: string): Promise<Check[]> {
  const { hash_seed, images, parameters_order } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const parameters: Parameters = new Map(
    parameters_order.map(([name, shape], k) => [name, hashedWeight(name, shape, k, hash_seed)]),
  );
  const encoder = new InceptionEncoder({ name: 'inception', config: undefined, parameters });
  const checks: Check[] = [];
  try {
    for (const file of Object.keys(images)) {
      const name = `out.${file.replace('.png', '')}`;
      const image = await readImage(join(folder, file));
      const squashed = officialResize(image);
      const layers = await encoder.layers([image], LAYERS);
      const ofSquashed = await encoder.layers([squashed], ['2048']);
      for (const layer of LAYERS) checks.push(closeness(golden, `${name}.${layer}`, layers.get(layer)!));
      checks.push(closeness(golden, `${name}.squashed.2048`, ofSquashed.get('2048')!));
      const patch = golden.get(`${name}.squashed.patch`).data as Uint8Array;
      checks.push({
        quantity: `${name}.squashed.patch, levels`,
        error: absMax(patchOf(squashed.data, squashed.width), patch),
        tolerance: 1,
      });
    }
  } finally {
    await encoder.dispose();
  }
  return checks;
}

/** The largest share that a difference has of what is allowed, RTOL of the value and ATOL of the layer's largest. */
function closeness(golden: GoldenTensors, quantity: string, { data }: Tensor<'float32'>): Check {
  const expected = golden.float32(quantity).data;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = data.reduce((worst, value, i) => {
    const allowed = RTOL * Math.abs(expected[i]!) + ATOL * largest;
    return Math.max(worst, Math.abs(value - expected[i]!) / allowed);
  }, 0);
  return { quantity: `${quantity}, share of the tolerance`, error, tolerance: 1 };
}

/** Pixels [3, 32, 32] from row and column 240. */
function patchOf(data: Uint8Array, width: number): Uint8Array {
  return Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => {
    const [channel, row, column] = [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32];
    return data[3 * ((240 + row) * width + 240 + column) + channel]!;
  });
}

/** Tensor number k of the list, as make/metrics_inception.py says. */
function hashedWeight(name: string, shape: readonly number[], k: number, seed: number): Tensor<'float32'> {
  const value = distribution(name, shape);
  return tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(hashed(i, k, seed))),
  );
}

function distribution(name: string, shape: readonly number[]): (u: number) => number {
  if (name.endsWith('conv.weight')) return (u) => u * Math.sqrt(6 / sizeOf(shape.slice(1)));
  if (name.endsWith('bn.weight')) return (u) => 1 + 0.2 * u;
  if (/bn\.(bias|running_mean)$/.test(name)) return (u) => 0.2 * u;
  if (name.endsWith('bn.running_var')) return (u) => 1 + 0.5 * u;
  return name === 'fc.weight' ? (u) => u * Math.sqrt(3 / 2048) : (u) => 0.1 * u;
}

/** In [−1, 1). */
function hashed(i: number, k: number, seed: number): number {
  let h = (Math.imul(i, 2654435761) + k * 40503 + seed) >>> 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return 2 * ((h >>> 0) / 2 ** 32) - 1;
}
