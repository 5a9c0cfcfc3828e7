/** Weights of any size, drawn fast: PyTorch's initial distribution, from one block of random numbers used again and again. */
import { type JsonObject, type NetworkKind, type SavableNetwork, UNET } from '../src/models/index.js';
import { type Declaration, type Parameters, Scope, type Weight } from '../src/nn/index.js';
import { float32ToHalf, Random, sizeOf, tensor, tensorOf } from '../src/tensor/index.js';

/** A prime, so that no matrix repeats a row. */
const BLOCK = 1_000_003;

/** In which type weights are kept. */
export type WeightDType = Weight['dtype'];

/** The network with random weights. */
export function randomNetwork<Config>(
  name: string,
  kind: NetworkKind<Config>,
  json: JsonObject,
  dtype: WeightDType = 'float32',
): SavableNetwork<Config> {
  const config = kind.parseConfig(json);
  const draw = randomWeights(dtype);
  const parameters: Parameters = new Map();
  for (const [key, declaration] of declarations(name, kind, config)) parameters.set(key, draw(declaration));
  return { name, kind, json, config, parameters };
}

/** Draws weight after weight without ever holding one in another type than its own. */
export function randomWeights(dtype: WeightDType): (declaration: Declaration) => Weight {
  const block = new Random(0, 'weights').uniform(BLOCK).map((value) => 2 * value - 1);
  const scaled = new Map<number, Float32Array | Uint16Array>();
  /** The first values of the block, within ± bound. */
  const blockWithin = (bound: number, length: number): Float32Array | Uint16Array => {
    const known = scaled.get(bound);
    if (known && known.length >= length) return known;
    const values = block.subarray(0, length).map((value) => value * bound);
    const made = dtype === 'float32' ? values : float32ToHalf(values);
    scaled.set(bound, made);
    return made;
  };
  return ({ shape, initializer }) => {
    const size = sizeOf(shape);
    const data = dtype === 'float32' ? new Float32Array(size) : new Uint16Array(size);
    if (initializer.kind === 'constant') {
      data.fill(dtype === 'float32' ? initializer.value : float32ToHalf([initializer.value])[0]!);
    } else {
      repeatInto(data, blockWithin(boundOf(initializer), Math.min(BLOCK, size)));
    }
    return data instanceof Float32Array ? tensor(shape, data) : tensorOf('float16', shape, data);
  };
}

/** What the network asks for, in its order. */
export function declarations<Config>(
  name: string,
  kind: NetworkKind<Config>,
  config: Config,
): Map<string, Declaration> {
  return Scope.declared(name, (scope) => kind.declare(scope, config));
}

/** The threshold below which about `count` entries of the UNet lie: solves Σ size · min(1, θ / bound) = count by bisection. */
export function expectedThreshold(unet: JsonObject, count: number): number {
  const drawn = [...declarations('unet', UNET, UNET.parseConfig(unet))].map(([, { shape, initializer }]) => ({
    size: sizeOf(shape),
    share: (threshold: number) => {
      if (initializer.kind === 'constant') return Number(Math.abs(initializer.value) < threshold);
      return Math.min(1, threshold / boundOf(initializer));
    },
  }));
  const below = (threshold: number) =>
    drawn.reduce((sum, { size, share }) => sum + size * share(threshold), 0);
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (below(middle) < count) low = middle;
    else high = middle;
  }
  return Number(high.toPrecision(4));
}

/** Entries are uniform within ± this. */
function boundOf(initializer: Exclude<Declaration['initializer'], { kind: 'constant' }>): number {
  return initializer.kind === 'fan-in' ? 1 / Math.sqrt(initializer.fanIn) : initializer.std * Math.sqrt(3);
}

function repeatInto(data: Float32Array | Uint16Array, block: Float32Array | Uint16Array): void {
  for (let start = 0; start < data.length; start += BLOCK)
    data.set(block.subarray(0, Math.min(BLOCK, data.length - start)), start);
}
