/** The entries of one weight that train: their values, wherever the network keeps them, and their moments. */
import { InputError } from '../errors.js';
import { asFloat32, type Network, parameterInput, type Weight } from '../nn/index.js';
import { floatToHalf, halfToFloat32 } from '../tensor/index.js';
import { gather, scatter } from './selection.js';

/** Which entries of one weight train. */
export interface TrainedEntries {
  /** Name of the weight's input in graphs, such as `unet.conv_in.weight`. */
  readonly name: string;
  /** Checkpoint key in its network. */
  readonly key: string;
  readonly network: Network;
  /** Flat positions of the entries selected at first, ascending; all entries where undefined. */
  readonly selected: Int32Array | undefined;
}

export interface TrainedTensor extends TrainedEntries {
  readonly shape: readonly number[];
  /** Values of the selected entries before training, as the network keeps them; undefined where they are not kept. */
  readonly base: Weight['data'] | undefined;
  /** Where trained values are: the network's own array, or, where it keeps float16, those selected in float32. */
  readonly values: Float32Array;
  /** The network's own float16 array, into which values are rounded. */
  readonly rounded: Uint16Array | undefined;
  /** The flat positions, of those selected, that still train. */
  indices: Int32Array | undefined;
  /** Where their values are in `values`; all of it where undefined. */
  places: Int32Array | undefined;
  /** Running mean of the gradient and of its square, an entry each. */
  mean: Float32Array;
  square: Float32Array;
}

/** Bytes for each chosen entry: position, value before training and two moments, and beside float16 its value in float32. */
export const CHOSEN_STATE = { float32: 16, float16: 18 };
/** Bytes for each entry of a weight that trains whole: two moments. */
export const WHOLE_STATE = 8;

/** Which entries of a weight train: ascending flat positions, or all where undefined. */
export type EntrySelection = (weights: Float32Array, key: string) => Int32Array | undefined;

/** A tensor with moments of zero. */
export function trainedTensor(
  network: Network,
  key: string,
  entries: EntrySelection,
  keepBase: boolean,
): TrainedTensor {
  const weight = network.parameters.get(key)!;
  const all = asFloat32(weight).data;
  const selected = entries(all, key);
  const count = selected?.length ?? all.length;
  const [mean, square] = [new Float32Array(count), new Float32Array(count)];
  const common = {
    name: parameterInput(network, key),
    key,
    network,
    shape: weight.shape,
    selected,
    mean,
    square,
  };
  if (weight.dtype === 'float32') {
    const base = selected ? gather(all, selected) : keepBase ? all.slice() : undefined;
    return { ...common, base, values: all, rounded: undefined, indices: selected, places: selected };
  }
  if (!selected) {
    throw new InputError(
      `training all of "${key}" needs it in float32, but the ${network.name} is kept in float16; leave --weight-dtype out`,
    );
  }
  const base = new Uint16Array(selected.length);
  for (let i = 0; i < base.length; i++) base[i] = weight.data[selected[i]!]!;
  const values = halfToFloat32(base);
  return { ...common, base, values, rounded: weight.data, indices: selected, places: undefined };
}

/** Values of the selected entries now. */
export function selectedValues({ values, rounded, selected }: TrainedTensor): Float32Array {
  return rounded || !selected ? values : gather(values, selected);
}

/** Values of the entries that still train. */
export function trainedValues({ values, places }: TrainedTensor): Float32Array {
  return places ? gather(values, places) : values;
}

/** Replaces the values of the selected entries. */
export function setSelectedValues(trained: TrainedTensor, replacement: Float32Array): void {
  const { values, rounded, selected } = trained;
  if (rounded || !selected) values.set(replacement);
  else scatter(values, selected, replacement);
  if (rounded) round(rounded, selected!, values, undefined);
}

/** Carries updated values to where the network reads them. */
export function publish({ values, rounded, indices, places }: TrainedTensor): void {
  if (rounded) round(rounded, indices!, values, places);
}

function round(
  halves: Uint16Array,
  positions: Int32Array,
  values: Float32Array,
  places: Int32Array | undefined,
): void {
  for (let i = 0; i < positions.length; i++)
    halves[positions[i]!] = floatToHalf(values[places ? places[i]! : i]!);
}

/** Trains only the entries at these ascending places among those that train now; they keep their moments. */
export function keepOnly(trained: TrainedTensor, kept: Int32Array): void {
  if (kept.length === trained.mean.length) return;
  trained.indices = pick(trained.indices, kept);
  trained.places = pick(trained.places, kept);
  trained.mean = gather(trained.mean, kept);
  trained.square = gather(trained.square, kept);
}

/** Trains the entries at these ascending places among the selected ones; all of them where undefined. */
export function trainAt(trained: TrainedTensor, kept: Int32Array | undefined): void {
  const { selected, rounded } = trained;
  const all = rounded ? undefined : selected;
  trained.indices = kept ? pick(selected, kept) : selected;
  trained.places = kept ? pick(all, kept) : all;
}

/** The entries at these places; undefined stands for 0, 1, 2, … */
const pick = (all: Int32Array | undefined, places: Int32Array): Int32Array =>
  all ? places.map((place) => all[place]!) : places;

/** Values of the selected entries before training. */
export function baseValues({ base, key }: TrainedTensor): Float32Array {
  if (!base) throw new RangeError(`the base values of "${key}" were not kept; set keepBase`);
  return base instanceof Float32Array ? base : halfToFloat32(base);
}
