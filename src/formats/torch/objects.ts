/** What the pickles of PyTorch files may name: tensors, storages, containers, and things that mean nothing here. */
import { InputError } from '../../errors.js';
import { type DType, sizeOf } from '../../tensor/index.js';
import { type PickleContext, PickleFunction } from './pickle.js';
import { quoted } from './quoted.js';

/** Bytes kept beside the pickle, on which tensors lie. */
export class Storage {
  constructor(
    /** Name of the zip entry below `data/`. */
    readonly key: string,
    readonly dtype: DType,
    /** Number of elements. */
    readonly length: number,
  ) {}
}

/** Where on a storage a tensor lies; offset and strides count elements. */
export class TensorPlace {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  get dtype(): DType {
    return this.storage.dtype;
  }
}

/** An object of a Python class that is known to be harmless and useless here. Nothing of it is kept. */
export class Opaque {
  constructor(readonly className: string) {}
}

/** torch's names of typed storages. */
export const STORAGE_NAMES: Readonly<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

class StorageType extends PickleFunction {
  constructor(readonly dtype: DType) {
    super(`torch.${STORAGE_NAMES[dtype]}`, () => {
      throw new InputError('its pickle makes a storage of its own, so copy or download it again');
    });
  }
}

/** Makes an Opaque whatever it is given. */
const opaque = (name: string): PickleFunction => new PickleFunction(name, () => new Opaque(name));

const FUNCTIONS = new Map(
  [
    ...(Object.keys(STORAGE_NAMES) as DType[]).map((dtype) => new StorageType(dtype)),
    new PickleFunction('collections.OrderedDict', (args) => {
      if (args.length > 0)
        throw new InputError('its pickle fills a dict as no torch.save does, so save it again');
      return new Map();
    }),
    new PickleFunction('torch.Size', ([sides]) => sides),
    new PickleFunction('torch._utils._rebuild_tensor_v2', rebuildTensor),
    new PickleFunction('torch._utils._rebuild_parameter', ([tensor]) => tensor),
    new PickleFunction('torch._utils._rebuild_parameter_with_state', ([tensor]) => tensor),
  ].map((known) => [known.name, known] as const),
);

/**
 * Classes that training programs leave in checkpoints beside the weights: callbacks, settings, numbers of numpy.
 * Their objects are neither made nor kept; where a tensor is expected they are refused.
 */
const HARMLESS = [
  /^(pytorch_lightning|lightning|lightning_fabric|lightning_utilities|omegaconf|ldm)(\.\w+)+$/,
  /^numpy\.(dtype|ndarray|_?core\.multiarray\.(scalar|_reconstruct))$/,
  /^torch\.(device|(float|bfloat|int|uint|complex|bool|half|double|long)\d*)$/,
  /^(__builtin__|builtins)\.(set|frozenset|dict|list|int|float|str|bool|object)$/,
  /^(_codecs\.encode|argparse\.Namespace|collections\.defaultdict|typing\.Any)$/,
];

export const TORCH_CONTEXT: PickleContext = {
  global(module, name) {
    const path = `${module}.${name}`;
    const known = FUNCTIONS.get(path);
    if (known) return known;
    if (HARMLESS.some((pattern) => pattern.test(path))) return opaque(path);
    throw new InputError(
      `it names ${quoted(path)}, which is none of what weights need and could run code; take the model as safetensors, from a source you trust`,
    );
  },

  persistent(id) {
    const [kind, type, key, , length] = Array.isArray(id) ? id : [];
    if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(length)) {
      throw new InputError('it refers to a storage in a way that no torch.save does, so save it again');
    }
    return new Storage(key, type.dtype, length);
  },

  // Attributes of dicts (such as a state dict's _metadata) and of opaque objects mean nothing here.
  build(target) {
    if (target instanceof Map || target instanceof Opaque) return;
    throw new InputError('its pickle sets attributes where no torch.save does, so save it again');
  },
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata)` */
function rebuildTensor(args: readonly unknown[]): TensorPlace {
  const [storage, offset, shape, strides, , , metadata] = args;
  if (!(storage instanceof Storage)) throw new InputError('a tensor in it lies on no storage');
  if (!isCounts(shape) || !isCounts(strides) || shape.length !== strides.length || !isCount(offset)) {
    throw new InputError(
      `a tensor on its storage ${named(storage)} has a size, strides or an offset that are impossible`,
    );
  }
  if (metadata instanceof Map && metadata.size > 0) {
    throw new InputError(
      `a tensor on its storage ${named(storage)} is a conjugated or negated view, so save a copy of it`,
    );
  }
  const size = sizeOf(shape);
  // A product of sides can be NaN too.
  if (!(size <= storage.length)) {
    throw new InputError(
      `a tensor of size ${shown(shape)} is larger than its storage ${named(storage)} of ${storage.length} elements`,
    );
  }
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis]!, offset);
  if (size > 0 && last >= storage.length) {
    throw new InputError(
      `a tensor of size ${shown(shape)}, strides ${shown(strides)} and offset ${offset} goes past the ${storage.length} elements of its storage ${named(storage)}`,
    );
  }
  // Copies: the pickle could still append to its own lists.
  return new TensorPlace(storage, offset, [...shape], [...strides]);
}

const shown = (counts: readonly number[]): string => `[${counts.slice(0, 8)}]`;
const named = ({ key }: Storage): string => quoted(key);
