/** Weights of any size, drawn fast: PyTorch's initial distribution, from one block of random numbers used again and again. */
import type { UNetConfig } from '../src/models/index.js';
import { declareUNet } from '../src/models/index.js';
import { type Declaration, type Network, type Parameters, Scope } from '../src/nn/index.js';
import { Random, sizeOf, tensor } from '../src/tensor/index.js';

/** A prime, so that no matrix repeats a row. */
const BLOCK = 1_000_003;

/** The UNet with random weights. */
export function randomUNet(config: UNetConfig): Network<UNetConfig> {
  const block = new Random(0, 'weights').uniform(BLOCK).map((value) => 2 * value - 1);
  const parameters: Parameters = new Map();
  for (const [key, { shape, initializer }] of declarations(config)) {
    const data = new Float32Array(sizeOf(shape));
    if (initializer.kind === 'constant') data.fill(initializer.value);
    else fillScaled(data, block, boundOf(initializer));
    parameters.set(key, tensor(shape, data));
  }
  return { name: 'unet', config, parameters };
}

/** The threshold below which about `count` entries lie: solves Σ size · min(1, θ / bound) = count by bisection. */
export function expectedThreshold(config: UNetConfig, count: number): number {
  const drawn = [...declarations(config)].map(([, { shape, initializer }]) => ({
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

function declarations(config: UNetConfig): Map<string, Declaration> {
  return Scope.declared('unet', (scope) => declareUNet(scope, config));
}

/** Entries are uniform within ± this. */
function boundOf(initializer: Exclude<Declaration['initializer'], { kind: 'constant' }>): number {
  return initializer.kind === 'fan-in' ? 1 / Math.sqrt(initializer.fanIn) : initializer.std * Math.sqrt(3);
}

function fillScaled(data: Float32Array, block: Float32Array, bound: number): void {
  for (let start = 0; start < data.length; start += BLOCK) {
    const count = Math.min(BLOCK, data.length - start);
    for (let i = 0; i < count; i++) data[start + i] = block[i]! * bound;
  }
}
