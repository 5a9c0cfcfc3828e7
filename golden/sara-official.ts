/** The golden case sara/official-pt: files of the official SaRA, and files that must be refused. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../src/errors.js';
import { exists, readSafetensors } from '../src/formats/index.js';
import type { Network } from '../src/nn/index.js';
import {
  applyAdapters,
  exportOfficialSara,
  importOfficialSara,
  type OfficialPrecision,
  type OfficialSara,
  officialPositions,
  readOfficialSara,
} from '../src/peft/index.js';
import { type Tensor, toFloat32 } from '../src/tensor/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';
import { DATA, loadBase } from './sara.js';

interface Description {
  theta: number;
  mask_size_by_dtype: Record<OfficialPrecision, number>;
  reject: {
    base: string;
    theta: number;
    parameters_order: [string, number[]][];
    mask_sizes: number[];
    must_refuse: Record<string, string>;
  };
}

/** A change of at most 2θ and the sum with its base are each rounded to float32 once. */
const ROUNDING = 2 ** -22;
/** What the hostile files would leave behind. */
const TRACE = 'PWNED';

export async function runSaraOfficialCase(folder: string): Promise<Check[]> {
  const description = await readDescription<Description>(folder);
  const { theta, mask_size_by_dtype } = description;
  const unet = await loadBase(join(folder, '../base'));
  const golden = await GoldenTensors.read(folder, DATA);
  const sizes = Object.entries(mask_size_by_dtype).map(([precision, size]): Check => {
    const counts = [...unet.parameters.values()].map(
      (weight) => officialPositions(toFloat32(weight), theta, precision as OfficialPrecision).length,
    );
    return {
      quantity: `mask size in ${precision}`,
      error: Math.abs(counts.reduce((sum, count) => sum + count, 0) - size),
      tolerance: 0,
    };
  });
  const unstructural = await readOfficialSara(join(folder, 'unet-unstructural.pt'), unet);
  const expected = golden.float32('out.values.unstructural').data;
  return [
    ...sizes,
    {
      quantity: 'out.values.unstructural',
      error: mismatches(allValues(unstructural), expected),
      tolerance: 0,
    },
    ...(await denseChecks(join(folder, 'unet-dense.pt'), unet, golden, theta)),
    ...(await rejectChecks(join(folder, 'reject'), folder, description)),
  ];
}

/** The values put into the base, the adapter on the base, and the adapter written as such a file again. */
async function denseChecks(
  path: string,
  unet: Network,
  golden: GoldenTensors,
  theta: number,
): Promise<Check[]> {
  const expected = (key: string) => golden.float32(`weights.${key}`).data;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const official = await readOfficialSara(path, unet);
  const misplaced = official.weights.map(({ key, positions, values }) => {
    const weights = toFloat32(unet.parameters.get(key)!).slice();
    for (let i = 0; i < values.length; i++) weights[positions[i]!] = values[i]!;
    return mismatches(weights, expected(key));
  });
  const adapter = await importOfficialSara(path, unet);
  const again = await throughExport(unet, (written) => exportOfficialSara(written, unet, adapter));
  const applied = applyAdapters(unet, [{ adapter }]);
  const errors = official.weights.map(({ key }) =>
    absMax(toFloat32(unet.parameters.get(key)!), expected(key)),
  );
  const applyValues = official.weights.flatMap(({ key, positions }) => {
    const weights = toFloat32(unet.parameters.get(key)!);
    return Array.from(positions, (position) => weights[position]!);
  });
  applied.remove();
  return [
    { quantity: 'threshold', error: Math.abs(official.threshold - theta), tolerance: 0 },
    { quantity: `${misplaced.length} weights.*`, error: sum(misplaced), tolerance: 0 },
    {
      quantity: `${errors.length} weights.* through an adapter`,
      error: Math.max(...errors),
      tolerance: ROUNDING * theta,
    },
    { quantity: 'values written again', error: mismatches(allValues(again), applyValues), tolerance: 0 },
  ];
}

async function throughExport(unet: Network, write: (path: string) => Promise<void>): Promise<OfficialSara> {
  const folder = await mkdtemp(join(tmpdir(), 'sara-golden-'));
  try {
    await write(join(folder, 'unet.pt'));
    return await readOfficialSara(join(folder, 'unet.pt'), unet);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function allValues({ weights }: OfficialSara): number[] {
  return weights.flatMap(({ values }) => [...values]);
}

async function rejectChecks(folder: string, parent: string, { reject }: Description): Promise<Check[]> {
  const { tensors } = await readSafetensors(join(parent, reject.base));
  const parameters = new Map(
    reject.parameters_order.map(([key]) => [key, tensors.get(key) as Tensor<'float32'>] as const),
  );
  const network: Network = { name: 'unet', config: undefined, parameters };
  const checks: Check[] = [];
  for (const name of ['accept.pt', 'accept-cuda-tagged.pt']) {
    const { threshold, weights } = await readOfficialSara(join(folder, name), network);
    const sizes = weights.map(({ values }) => values.length);
    const error = mismatches([threshold, ...sizes], [reject.theta, ...reject.mask_sizes]);
    checks.push({ quantity: `reject/${name} accepted`, error, tolerance: 0 });
  }
  for (const name of Object.keys(reject.must_refuse)) {
    const error = (await isRefused(join(folder, name), network)) ? 0 : 1;
    checks.push({ quantity: `reject/${name} refused`, error, tolerance: 0 });
  }
  const traces = await Promise.all([exists(TRACE), exists(join(folder, TRACE))]);
  checks.push({ quantity: `no ${TRACE}`, error: traces.filter(Boolean).length, tolerance: 0 });
  return checks;
}

/** By a sentence to the user, and not by a bug or because the file is missing. */
async function isRefused(path: string, network: Network): Promise<boolean> {
  try {
    await readOfficialSara(path, network);
    return false;
  } catch (error) {
    return error instanceof InputError && (await exists(path));
  }
}
