/** The golden case sara/scale-merge: one SaRA adapter at several scales, and two of them merged. */
import { join } from 'node:path';
import type { SavableNetwork, UNetConfig } from '../src/models/index.js';
import { float32Array } from '../src/nn/index.js';
import {
  type Adapter,
  type AdapterUse,
  applyAdapters,
  fingerprint,
  mergeAdapters,
  packDeltas,
  positionsBelow,
  type WeightDelta,
} from '../src/peft/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';
import { DATA, loadBase, predict } from './sara.js';

type UNet = SavableNetwork<UNetConfig>;

interface Description {
  theta1: number;
  theta2: number;
  alphas: number[];
  merge: [number, number];
}

const VALUES = 1e-8;
const SAMPLES = 5e-5;

export async function runSaraScaleMergeCase(folder: string): Promise<Check[]> {
  const { theta1, theta2, alphas, merge } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const unet = await loadBase(join(folder, '../base'));
  const first = deltasOf(unet, golden, 'in.delta1');
  const second = deltasOf(unet, golden, 'in.delta2');
  const adapters = [adapterOf(unet, first, theta1), adapterOf(unet, second, theta2)] as const;
  const both = adapters.map((adapter, i) => ({ adapter, scale: merge[i]! }));
  const baseOutput = (await predict(unet, golden)).data;

  const checks: Check[] = [
    { quantity: 'positions below θ1', error: misplaced(unet, first, theta1), tolerance: 0 },
    { quantity: 'positions below θ2', error: misplaced(unet, second, theta2), tolerance: 0 },
  ];
  for (const alpha of alphas) {
    // As Python writes floats.
    const name = `alpha${Number.isInteger(alpha) ? alpha.toFixed(1) : alpha}`;
    const found = await stateWith(unet, [{ adapter: adapters[0], scale: alpha }], golden, first);
    checks.push(...found.checks(name));
    if (alpha !== 0) continue;
    const error = mismatches(found.sample, baseOutput);
    checks.push({ quantity: 'alpha 0 against the base', error, tolerance: 0 });
  }
  const union = deltasOf(unet, golden, 'out.merged');
  checks.push(...(await stateWith(unet, both, golden, union)).checks('merged'));
  const merged = mergeAdapters(unet, both, { dtype: 'float32' });
  const asOne = await stateWith(unet, [{ adapter: merged }], golden, union);
  // The one adapter's changes are rounded once more than the sums of whole tensors allow for.
  const ofEntries = asOne.checks('merged').filter(({ quantity }) => !quantity.endsWith('.sums'));
  return [
    ...checks,
    ...ofEntries.map((check) => ({ ...check, quantity: `${check.quantity} by one adapter` })),
  ];
}

/** Weights and output with adapters on the network, which is left as it was. */
async function stateWith(unet: UNet, uses: AdapterUse[], golden: GoldenTensors, at: readonly WeightDelta[]) {
  const applied = applyAdapters(unet, uses);
  const values = at.flatMap(({ key, positions }) => {
    const { data } = unet.parameters.get(key)!;
    return Array.from(positions!, (position) => data[position]!);
  });
  const sums = [...unet.parameters.keys()].map((key) =>
    float32Array(unet, key).reduce((sum, value) => sum + value, 0),
  );
  const weights = new Map([...unet.parameters].map(([key, { data }]) => [key, data.slice()]));
  const sample = (await predict(unet, golden)).data;
  applied.remove();

  const checks = (name: string): Check[] => {
    const against = (quantity: string, actual: ArrayLike<number>, tolerance: number): Check[] =>
      golden.has(quantity)
        ? [{ quantity, error: absMax(actual, golden.get(quantity).data as Float64Array), tolerance }]
        : [];
    const stored = `weights.${name}.`;
    const whole = [...golden.all.keys()].filter((key) => key.startsWith(stored));
    const worst = Math.max(
      ...whole.map((key) => absMax(weights.get(key.slice(stored.length))!, golden.float32(key).data)),
    );
    return [
      ...against(`out.${name}.sample`, sample, SAMPLES),
      ...against(`out.${name}.values`, values, VALUES),
      ...against(`out.${name}.sums`, sums, VALUES),
      ...(whole.length > 0
        ? [{ quantity: `${whole.length} weights.${name}`, error: worst, tolerance: VALUES }]
        : []),
    ];
  };
  return { sample, checks };
}

/** Sparse changes stored as counts, positions and values over all tensors in their order. */
function deltasOf(unet: UNet, golden: GoldenTensors, name: string): WeightDelta[] {
  const counts = golden.int32(`${name}.counts`).data;
  const positions = golden.int32(`${name}.indices`).data;
  const values = golden.float32(`${name}.values`).data;
  let start = 0;
  return [...unet.parameters].map(([key, { shape }], i) => {
    const end = start + counts[i]!;
    const part = { positions: positions.slice(start, end), values: values.slice(start, end) };
    start = end;
    return { key, shape, ...part };
  });
}

function adapterOf(unet: UNet, deltas: readonly WeightDelta[], threshold: number): Adapter {
  const base = { network: unet.name, model: 'sara/base', fingerprint: fingerprint(unet) };
  const packed = packDeltas(
    () => deltas,
    () => true,
    'float32',
  );
  return { method: 'sara', base, threshold, prefix: '', settings: {}, ...packed };
}

/** Entries whose stored positions are not those that the threshold gives. */
function misplaced(unet: UNet, deltas: readonly WeightDelta[], threshold: number): number {
  return deltas.reduce((sum, { key, positions }) => {
    return sum + mismatches(positionsBelow(float32Array(unet, key), threshold), positions!);
  }, 0);
}
