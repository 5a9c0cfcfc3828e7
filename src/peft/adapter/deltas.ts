/**
 * Changes of weights as an adapter's tensors: `delta.<key>` and, where the base model does not tell, `positions.<key>`.
 *
 * Three ways to say which entries change, the first that holds:
 * - all: `delta.<key>` has the weight's shape;
 * - those below the adapter's threshold: `delta.<key>` is [n] and {|P₀| < θ} is found again from the base weights, whose
 *   fingerprint guarantees the same n entries, so positions cost nothing;
 * - listed: `positions.<key>` holds the gaps between them, 1 to 2 bytes an entry (merges of unlike adapters).
 */
import { InputError } from '../../errors.js';
import { sameShape } from '../../graph/index.js';
import { floatToHalf, halfToFloat32, type Tensor, tensor, tensorOf } from '../../tensor/index.js';
import { positionsBelow } from '../selection.js';
import { type Adapter, type AdapterDType, nameOf } from './adapter.js';
import { decodePositions, encodePositions } from './positions.js';

export interface WeightDelta {
  /** The weight's checkpoint key. */
  readonly key: string;
  readonly shape: readonly number[];
  /** The changed entries, ascending; all where undefined. */
  readonly positions: Int32Array | undefined;
  /** What is added to each of them. */
  readonly values: Float32Array;
}

const DELTA = 'delta.';
const POSITIONS = 'positions.';

/** Half of the largest float16's power of two, so that rounding up does not overflow. */
const LARGEST = 2 ** 15;

/**
 * The tensors of an adapter. In float16 one power of two scales all changes so that the largest lies in [2¹⁴, 2¹⁵):
 * each keeps a relative error of at most 2⁻¹¹ down to 2⁻²⁸ of the largest, and smaller ones an absolute error of at
 * most 2⁻³⁹ of it. `deltas` is called twice, so that not all values need to be in memory at once.
 */
export function packDeltas(
  deltas: () => Iterable<WeightDelta>,
  impliedByThreshold: (delta: WeightDelta) => boolean,
  dtype: AdapterDType = 'float16',
): Pick<Adapter, 'tensors' | 'scale'> {
  const scale = dtype === 'float32' ? 1 : halfScale(deltas());
  const tensors = new Map<string, Tensor>();
  for (const delta of deltas()) {
    const { key, shape, positions, values } = delta;
    if (values.length === 0) continue;
    const stored = positions ? [values.length] : shape;
    tensors.set(DELTA + key, dtype === 'float32' ? tensor(stored, values) : halved(stored, values, scale));
    if (positions && !impliedByThreshold(delta)) {
      const bytes = encodePositions(positions);
      tensors.set(POSITIONS + key, tensorOf('uint8', [bytes.length], bytes));
    }
  }
  return { tensors, scale };
}

function halfScale(deltas: Iterable<WeightDelta>): number {
  let largest = 0;
  for (const { values } of deltas)
    for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest === 0 ? 1 : 2 ** (Math.floor(Math.log2(largest)) + 1) / LARGEST;
}

function halved(shape: readonly number[], values: Float32Array, scale: number): Tensor<'float16'> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = floatToHalf(values[i]! / scale);
  return tensorOf('float16', shape, halves);
}

/** The weights that an adapter changes. Throws InputError where one of its tensors belongs to no weight of the network. */
function packedKeys(
  adapter: Adapter,
  { name: network, parameters }: { name: string; parameters: { has(key: string): boolean } },
): string[] {
  const keys: string[] = [];
  for (const name of adapter.tensors.keys()) {
    if (name.startsWith(POSITIONS) && adapter.tensors.has(DELTA + name.slice(POSITIONS.length))) continue;
    const key = name.slice(DELTA.length);
    if (!name.startsWith(DELTA) || !parameters.has(key)) {
      throw new InputError(
        `${nameOf(adapter)} has the tensor "${name}", which belongs to no weight of the ${network}; make the adapter again`,
      );
    }
    keys.push(key);
  }
  return keys;
}

/** How an adapter holds its change of one weight. */
export interface StoredDelta {
  /** One for each changed entry; `factor` times them is what is added. */
  readonly changes: Float32Array | Uint16Array;
  readonly factor: number;
  /** Which entries change: all, those of the base weight below a threshold, or those at encoded positions. */
  readonly entries: 'all' | { readonly below: number } | { readonly listed: Uint8Array };
}

/** The change that an adapter holds for a weight of this shape, if it changes that. Throws InputError where it does not fit. */
export function storedDelta(
  adapter: Adapter,
  key: string,
  shape: readonly number[],
): StoredDelta | undefined {
  const stored = adapter.tensors.get(DELTA + key);
  if (!stored) return undefined;
  return naming(adapter, key, () => ({
    changes: changesOf(stored),
    factor: adapter.scale,
    entries: entriesOf(adapter, key, stored, shape),
  }));
}

/** The change it holds for one weight of its base, if it changes that. Throws InputError where it does not fit. */
export function unpackDelta(
  adapter: Adapter,
  key: string,
  weight: Tensor<'float32'>,
): WeightDelta | undefined {
  const stored = storedDelta(adapter, key, weight.shape);
  if (!stored) return undefined;
  const positions = naming(adapter, key, () => positionsOf(stored, weight.data));
  return { key, shape: weight.shape, positions, values: valuesOf(stored) };
}

/** What methods have in common whose adapters hold the changes themselves. */
export const STORED_CHANGES = { delta: unpackDelta, changedKeys: packedKeys } as const;

/** Runs `read`; messages of its InputErrors name the weight and the adapter. */
export function naming<T>(adapter: Adapter, key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `cannot use "${key}" of ${nameOf(adapter)}: ${error.message}; make the adapter again`,
      { cause: error },
    );
  }
}

function changesOf({ dtype, data }: Tensor): Float32Array | Uint16Array {
  if (dtype === 'float32') {
    const values = data as Float32Array;
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) throw new InputError(`a change is ${values[wrong]}, expected finite numbers`);
    return values;
  }
  if (dtype !== 'float16') throw new InputError(`its changes are ${dtype}, expected float16 or float32`);
  const halves = data as Uint16Array;
  let overflow = 0;
  // An exponent of all ones carries into the sign's place.
  for (let i = 0; i < halves.length; i++) overflow |= (halves[i]! & 0x7c00) + 0x400;
  if ((overflow & 0x8000) === 0) return halves;
  const wrong = halves.find((half) => (half & 0x7c00) === 0x7c00)!;
  const [value] = halfToFloat32(Uint16Array.of(wrong));
  throw new InputError(`a change is ${value}, expected finite numbers`);
}

function entriesOf(
  { tensors, threshold }: Adapter,
  key: string,
  { shape: stored }: Tensor,
  shape: readonly number[],
): StoredDelta['entries'] {
  const listed = tensors.get(POSITIONS + key);
  if (listed) {
    if (listed.dtype !== 'uint8') throw new InputError(`its positions are ${listed.dtype}, expected uint8`);
    return { listed: listed.data as Uint8Array };
  }
  if (threshold === undefined) {
    if (sameShape(stored, shape)) return 'all';
    throw new InputError(`its changes are [${stored}] but the weight is [${shape}]`);
  }
  if (stored.length === 1) return { below: threshold };
  throw new InputError(
    `its changes are [${stored}], expected one axis as they are of entries below ${threshold}`,
  );
}

function valuesOf({ changes, factor }: StoredDelta): Float32Array {
  const values = changes instanceof Float32Array ? changes : halfToFloat32(changes);
  return factor === 1 ? values : values.map((value) => value * factor);
}

function positionsOf({ changes, entries }: StoredDelta, base: Float32Array): Int32Array | undefined {
  if (entries === 'all') return undefined;
  const count = changes.length;
  if ('listed' in entries) return decodePositions(entries.listed, count, base.length);
  const positions = positionsBelow(base, entries.below);
  expectCount(count, positions.length, entries.below);
  return positions;
}

/** Throws InputError unless there are as many entries below the threshold as changes. */
export function expectCount(changes: number, below: number, threshold: number): void {
  if (changes === below) return;
  throw new InputError(`it has ${changes} changes but the weight ${below} entries below ${threshold}`);
}
