/**
 * The files of the official SaRA (github.com/sjtuplayer/SaRA, `torch.save(optimizer.save_params())`), read and written.
 *
 * A dict: `threshold` → θ, and i → the values (not the changes) of the i-th weight in the order of the network's
 * `parameters()` where |P₀| < θ, row-major: one dimension, also of no length. The entries are those of the first
 * selection, whether or not they trained on after the re-selection. docs/official-sara.md tells more.
 */
import { basename } from 'node:path';
import { InputError } from '../../errors.js';
import { quoted, readTorchValue, type TorchValue, writeTorch } from '../../formats/index.js';
import { asFloat32, type Network } from '../../nn/index.js';
import {
  bfloatToFloat32,
  float32ToBfloat,
  float32ToHalf,
  halfToFloat32,
  type Tensor,
  tensor,
  toFloat32,
} from '../../tensor/index.js';
import { type Adapter, type AdapterInfo, nameOf } from '../adapter/adapter.js';
import { checkBase } from '../adapter/apply.js';
import { packDeltas, unpackDelta, type WeightDelta } from '../adapter/deltas.js';
import { fingerprint } from '../adapter/fingerprint.js';
import { gather, positionsBelow, samePositions } from '../selection.js';

const THRESHOLD = 'threshold';

/** The precisions that the official optimizers' network can have; its files have the same. */
const PRECISIONS = ['float32', 'float16', 'bfloat16'] as const;
export type OfficialPrecision = (typeof PRECISIONS)[number];

export interface OfficialSara {
  readonly threshold: number;
  /** Of the network it was trained in, in which |P₀| and θ were compared. */
  readonly precision: OfficialPrecision;
  /** For each weight of the network, in its order, where its values go and what they are. */
  readonly weights: readonly {
    readonly key: string;
    readonly shape: readonly number[];
    readonly positions: Int32Array;
    readonly values: Float32Array;
  }[];
}

/**
 * Reads a file of the official SaRA for the network it was trained from, whose weights are its base: exactly the values
 * and where they belong. Throws InputError where the file is damaged, holds anything else, or does not fit the network.
 */
export async function readOfficialSara(path: string, network: Network): Promise<OfficialSara> {
  const value = await readTorchValue(path);
  try {
    return fitted(value, network);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`cannot use ${path} as a file of the official SaRA: ${error.message}`, {
      cause: error,
    });
  }
}

function fitted(value: TorchValue, network: Network): OfficialSara {
  if (!(value instanceof Map)) throw new InputError('it holds no dict, so name the unet.pt of a checkpoint');
  const threshold = thresholdOf(value);
  const stored = [...network.parameters.keys()].map((key, i) => vectorOf(value.get(i), i, key));
  const known = new Set<unknown>([THRESHOLD, ...stored.keys()]);
  for (const key of value.keys()) {
    if (known.has(key)) continue;
    throw new InputError(
      `it has the key ${quoted(String(key))}, expected "${THRESHOLD}" and 0 to ${stored.length - 1}, one for each weight of the ${network.name}; name the model it was trained from`,
    );
  }
  const precision = precisionOf(stored);
  const weights = [...network.parameters].map(([key, weight], i) => {
    const positions = officialPositions(asFloat32(weight).data, threshold, precision);
    const { length } = stored[i]!.data;
    if (length !== positions.length) {
      throw new InputError(
        `its tensor ${i} ("${key}") has ${length} values, but ${positions.length} entries of that weight are below ${threshold} in ${precision}; name the model it was trained from, without adapters on it`,
      );
    }
    const values = toFloat32(stored[i]!);
    if (!values.every(Number.isFinite)) {
      throw new InputError(
        `its tensor ${i} ("${key}") has values that are not finite; take an earlier checkpoint`,
      );
    }
    return { key, shape: weight.shape, positions, values };
  });
  return { threshold, precision, weights };
}

function thresholdOf(dict: ReadonlyMap<unknown, TorchValue>): number {
  const threshold = dict.get(THRESHOLD);
  if (typeof threshold === 'number' && Number.isFinite(threshold) && threshold > 0) return threshold;
  const got = typeof threshold === 'number' ? threshold : threshold === undefined ? 'none' : 'something else';
  throw new InputError(
    `expected a number above 0 as its "${THRESHOLD}", got ${got}, and only that tells which entries the values belong to; take a file that has it`,
  );
}

function vectorOf(value: TorchValue | undefined, i: number, key: string): Tensor {
  const found = isTensor(value) ? value : undefined;
  if (found?.shape.length === 1 && isPrecision(found.dtype)) return found;
  const got = found ? `${found.dtype} [${found.shape}]` : value === undefined ? 'nothing' : 'no tensor';
  throw new InputError(
    `expected a vector of floats as its tensor ${i} ("${key}"), got ${got}; name the model it was trained from`,
  );
}

const isTensor = (value: TorchValue | undefined): value is Tensor =>
  typeof value === 'object' && value !== null && 'dtype' in value;
const isPrecision = (dtype: string): dtype is OfficialPrecision =>
  PRECISIONS.some((precision) => precision === dtype);

function precisionOf(stored: readonly Tensor[]): OfficialPrecision {
  const found = [...new Set(stored.map(({ dtype }) => dtype))];
  if (found.length === 1) return found[0] as OfficialPrecision;
  throw new InputError(
    `its values are ${found.join(' and ')}, expected one of them throughout; save it again`,
  );
}

/** Positions with |P₀| < θ as PyTorch compares them in a network of that precision: both sides rounded to it. Ascending. */
export function officialPositions(
  weights: Float32Array,
  threshold: number,
  precision: OfficialPrecision,
): Int32Array {
  if (precision === 'float32') return positionsBelow(weights, threshold);
  const [narrow, widen] =
    precision === 'float16' ? [float32ToHalf, halfToFloat32] : [float32ToBfloat, bfloatToFloat32];
  return positionsBelow(widen(narrow(weights)), widen(narrow([threshold]))[0]!);
}

/**
 * A file of the official SaRA as an adapter of the network it was trained from. Changes are kept in float32 unless said.
 * Base and change add up to the value in the file but for the last bit of the base, where a value came close to 0.
 * Throws InputError like `readOfficialSara`.
 */
export async function importOfficialSara(
  path: string,
  network: Network,
  { model, prefix = '', settings = {}, dtype = 'float32' }: AdapterInfo = {},
): Promise<Adapter> {
  const { threshold, precision, weights } = await readOfficialSara(path, network);
  const deltas = function* (): Generator<WeightDelta> {
    for (const { key, shape, positions, values } of weights) {
      const base = asFloat32(network.parameters.get(key)!).data;
      yield { key, shape, positions, values: values.map((value, i) => value - base[positions[i]!]!) };
    }
  };
  // In float32 alone, the entries that trained are those that an adapter's threshold selects.
  const implied = ({ key, positions }: WeightDelta): boolean =>
    precision === 'float32' ||
    samePositions(positions!, positionsBelow(asFloat32(network.parameters.get(key)!).data, threshold));
  return {
    method: 'sara',
    base: { network: network.name, model: model ?? network.name, fingerprint: fingerprint(network) },
    threshold,
    prefix,
    settings: { importedFrom: basename(path), ...settings },
    ...packDeltas(deltas, implied, dtype),
  };
}

/**
 * Writes a SaRA adapter as the official SaRA's `load_params` takes it, for networks in float32.
 * Throws InputError where the adapter is of another method or base, or changes entries that such a file cannot hold.
 */
export async function exportOfficialSara(
  path: string,
  network: Network,
  adapter: Adapter,
  { model = network.name }: { model?: string } = {},
): Promise<void> {
  const { method, threshold } = adapter;
  if (method !== 'sara' || threshold === undefined) {
    throw new InputError(
      `${nameOf(adapter)} is of method ${method}${threshold === undefined ? ' without a threshold' : ''}, and files of the official SaRA hold entries below a threshold alone; merge it into a model instead`,
    );
  }
  checkBase(network, [{ adapter }], model);
  const dict = new Map<string | number, number | Tensor>([[THRESHOLD, threshold]]);
  for (const [i, [key, weight]] of [...network.parameters].entries()) {
    dict.set(i, trainedValues(adapter, threshold, key, asFloat32(weight)));
  }
  await writeTorch(path, dict);
}

/** P₀ + ΔP at |P₀| < θ, rounded as `applyAdapters` does. */
function trainedValues(
  adapter: Adapter,
  threshold: number,
  key: string,
  weight: Tensor<'float32'>,
): Tensor<'float32'> {
  const positions = positionsBelow(weight.data, threshold);
  const values = gather(weight.data, positions);
  const delta = unpackDelta(adapter, key, weight);
  let next = 0;
  let outside = 0;
  for (let i = 0; i < (delta?.values.length ?? 0); i++) {
    const at = delta!.positions![i]!;
    while (positions[next]! < at) next++;
    if (positions[next] === at) values[next]! += delta!.values[i]!;
    else if (delta!.values[i] !== 0) outside++;
  }
  if (outside === 0) return tensor([values.length], values);
  throw new InputError(
    `${nameOf(adapter)} changes ${outside} entries of "${key}" that are not below ${threshold} in the base, and files of the official SaRA cannot hold them; merge it into a model instead`,
  );
}
