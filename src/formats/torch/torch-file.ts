/**
 * PyTorch's files (`.pt`, `.ckpt`, `.bin`: a zip archive with a pickle), read without running anything that they name.
 * https://pytorch.org/docs/stable/notes/serialization.html
 */
import { InputError } from '../../errors.js';
import type { Tensor } from '../../tensor/index.js';
import type { TensorEntry } from '../safetensors-header.js';
import { TorchArchive } from './archive.js';
import { Opaque, TensorPlace } from './objects.js';
import { PickleFunction } from './pickle.js';

/** Named tensors of PyTorch's, as a safetensors file offers them; made by `openTorchTensors`. */
export class TorchFile {
  /**
   * @param metadata what stands beside the tensors as plain text or numbers, such as `global_step`.
   * @param tensors every tensor's dtype, shape and place in the file, in the order of the dict; one that is not contiguous
   *   has the place of its first element.
   */
  constructor(
    private readonly archive: TorchArchive,
    private readonly places: ReadonlyMap<string, TensorPlace>,
    readonly metadata: Readonly<Record<string, string>>,
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {}

  get path(): string {
    return this.archive.path;
  }

  /**
   * Reads one tensor, into new memory or into `destination`, a view of exactly its bytes (in a SharedArrayBuffer too).
   * Throws InputError where the file has no such tensor or can no longer be read.
   */
  async read(name: string, destination?: ArrayBufferView): Promise<Tensor> {
    const place = this.places.get(name);
    if (place) return this.archive.read(place, destination);
    throw new InputError(
      `expected a tensor "${name}" in ${this.path}, which has ${this.tensors.size} others`,
    );
  }

  /** Reads every tensor, in the order of the dict. */
  async readAll(): Promise<Map<string, Tensor>> {
    const all = new Map<string, Tensor>();
    for (const name of this.places.keys()) all.set(name, await this.read(name));
    return all;
  }

  async close(): Promise<void> {
    await this.archive.close();
  }
}

/**
 * Opens a file with a dict of tensors by name, which may lie under `state_dict` as in checkpoints of PyTorch Lightning.
 * Only the pickle is read; tensors are read when asked for. Throws InputError where the file is none of PyTorch's, is
 * damaged, names anything that could run code, or holds no such dict.
 */
export async function openTorchTensors(path: string): Promise<TorchFile> {
  const archive = await TorchArchive.open(path);
  try {
    const top = archive.value;
    const nested = top instanceof Map ? top.get('state_dict') : undefined;
    const dict: unknown = nested instanceof Map ? nested : top;
    const places = namedTensors(path, dict);
    const tensors = new Map<string, TensorEntry>();
    for (const [name, place] of places) tensors.set(name, await archive.locate(place));
    return new TorchFile(archive, places, plainEntries(top), tensors);
  } catch (error) {
    await archive.close();
    throw error;
  }
}

function namedTensors(path: string, dict: unknown): Map<string, TensorPlace> {
  const places = new Map<string, TensorPlace>();
  for (const [name, value] of dict instanceof Map ? dict : []) {
    if (value instanceof Opaque || value instanceof PickleFunction) {
      throw new InputError(
        `${path} has an object of ${classOf(value)} among its tensors, expected tensors alone; save them again`,
      );
    }
    if (value instanceof TensorPlace && typeof name === 'string') places.set(name, value);
  }
  if (places.size > 0) return places;
  throw new InputError(
    `${path} holds no tensors by name, neither at its top nor under "state_dict"; name a checkpoint of a model`,
  );
}

/** Text and numbers among the entries of a dict, as text. */
function plainEntries(dict: unknown): Record<string, string> {
  const plain: [string, string][] = [];
  for (const [name, value] of dict instanceof Map ? dict : []) {
    if (typeof name !== 'string') continue;
    if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) plain.push([name, String(value)]);
  }
  return Object.fromEntries(plain);
}

type TorchKey = null | boolean | number | bigint | string;

/** What a PyTorch file may hold. Dicts are Maps, lists and tuples arrays, integers beyond 2⁵³ bigints. */
export type TorchValue = TorchKey | Tensor | readonly TorchValue[] | ReadonlyMap<TorchKey, TorchValue>;

/**
 * Reads a whole file of plain values: numbers, texts, lists, dicts and tensors. Objects that it has twice are the same
 * object here. Throws InputError like `openTorchTensors`, and where there is anything else in it.
 */
export async function readTorchValue(path: string): Promise<TorchValue> {
  const archive = await TorchArchive.open(path);
  try {
    return await new Loader(archive).load();
  } finally {
    await archive.close();
  }
}

/** Puts tensors where the pickle has their places; by a list of what is still to do, since nesting may be deep. */
class Loader {
  private readonly open: (unknown[] | Map<unknown, unknown>)[] = [];
  private readonly seen = new Set<unknown>();
  private readonly tensors = new Map<TensorPlace, Tensor>();
  private bytes = 0;

  constructor(private readonly archive: TorchArchive) {}

  async load(): Promise<TorchValue> {
    const whole = await this.loaded(this.archive.value);
    for (const container of this.open) {
      for (const [key, value] of container.entries()) {
        if (isObject(key)) throw this.refusal('a dict whose keys are not all texts and numbers');
        const loaded = await this.loaded(value);
        if (container instanceof Map) container.set(key, loaded);
        else container[key as number] = loaded;
      }
    }
    return whole as TorchValue;
  }

  private async loaded(value: unknown): Promise<unknown> {
    if (!isObject(value)) return value;
    if (value instanceof TensorPlace) return this.tensors.get(value) ?? this.read(value);
    if (!Array.isArray(value) && !(value instanceof Map))
      throw this.refusal(`an object of ${classOf(value)}`);
    if (!this.seen.has(value)) this.open.push(value);
    this.seen.add(value);
    return value;
  }

  private async read(place: TensorPlace): Promise<Tensor> {
    this.bytes += (await this.archive.locate(place)).byteLength;
    if (this.bytes > this.archive.size) throw this.refusal('tensors that are together larger than the file');
    const tensor = await this.archive.read(place);
    this.tensors.set(place, tensor);
    return tensor;
  }

  private refusal(what: string): InputError {
    return new InputError(
      `${this.archive.path} holds ${what}, expected plain values and tensors; name another file`,
    );
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function classOf(value: object): string {
  if (value instanceof Opaque) return value.className;
  return value instanceof PickleFunction ? value.name : 'an unknown kind';
}
