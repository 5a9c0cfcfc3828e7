/** The safetensors header: its JSON, how it is checked and how it is laid out. https://github.com/huggingface/safetensors#format */
import { InputError } from '../errors.js';
import { BYTES_PER_ELEMENT, type DType, sizeOf } from '../tensor/index.js';

/** What one tensor is and where its bytes lie in the file. */
export interface TensorEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface Header {
  readonly metadata: Record<string, string>;
  /** In the order of the bytes. */
  readonly tensors: Map<string, TensorEntry>;
}

/** The format's dtype names, in the order in which the reference library sorts tensors: last first. */
const DTYPE_NAMES: readonly (readonly [string, DType])[] = [
  ['BOOL', 'bool'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
  ['I16', 'int16'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I32', 'int32'],
  ['F32', 'float32'],
  ['F64', 'float64'],
  ['I64', 'int64'],
];
const DTYPE_OF_NAME = new Map(DTYPE_NAMES);
const NAME_OF_DTYPE = new Map(DTYPE_NAMES.map(([name, dtype]) => [dtype, name]));
const RANK_OF_DTYPE = new Map(DTYPE_NAMES.map(([, dtype], rank) => [dtype, rank]));

/** The reference library's limit for the length of the JSON. */
export const MAX_HEADER_LENGTH = 100_000_000;
/** Bytes of the little-endian number before the JSON, its length. */
export const PREFIX_LENGTH = 8;

const METADATA_KEY = '__metadata__';

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first key that an object in valid JSON text has twice; JSON.parse would silently keep the last. */
export function duplicateKey(json: string): string | undefined {
  const keysOfOpen: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') keysOfOpen.push(new Set());
    else if (character === '[') keysOfOpen.push(undefined);
    else if (character === '}' || character === ']') keysOfOpen.pop();
    else if (character === '"') {
      const start = i++;
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
      const end = i + 1;
      while (/\s/.test(json[i + 1] ?? '')) i++;
      if (json[i + 1] !== ':') continue;
      const key: string = JSON.parse(json.slice(start, end));
      const keys = keysOfOpen.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InputError('its header is not UTF-8 text');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError('its header is not JSON');
  }
  if (!isObject(value)) throw new InputError('its header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new InputError(`its header has the key "${twice}" twice`);
  return value;
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isObject(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    throw new InputError(`the entries of its "${METADATA_KEY}" are not all text`);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, dataStart: number, dataLength: number): TensorEntry {
  const { dtype: dtypeName, shape, data_offsets: offsets } = isObject(value) ? value : {};
  if (typeof dtypeName !== 'string' || !Array.isArray(shape) || !Array.isArray(offsets)) {
    throw new InputError(`tensor "${name}" lacks its dtype, shape or data_offsets`);
  }
  const dtype = DTYPE_OF_NAME.get(dtypeName);
  if (dtype === undefined) {
    const known = [...DTYPE_OF_NAME.keys()].join(', ');
    throw new InputError(`tensor "${name}" has dtype ${dtypeName}, which is none of ${known}`);
  }
  if (!shape.every(isCount)) {
    throw new InputError(`tensor "${name}" has the impossible shape ${JSON.stringify(shape)}`);
  }
  const [begin, end] = offsets;
  if (offsets.length !== 2 || !isCount(begin) || !isCount(end) || begin > end) {
    throw new InputError(`tensor "${name}" has the impossible data_offsets ${JSON.stringify(offsets)}`);
  }
  const needed = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  if (end - begin !== needed) {
    throw new InputError(
      `tensor "${name}" of dtype ${dtypeName} and shape [${shape}] needs ${needed} bytes but has ${end - begin}`,
    );
  }
  if (end > dataLength) {
    throw new InputError(
      `tensor "${name}" ends ${end - dataLength} bytes after the end of the file, which may be cut short`,
    );
  }
  return { dtype, shape, offset: dataStart + begin, byteLength: needed };
}

/** Checks that the tensors, in the order of their bytes, fill the file without gap or overlap. */
function checkCoverage(tensors: Map<string, TensorEntry>, dataStart: number, fileLength: number): void {
  let position = dataStart;
  for (const [name, { offset, byteLength }] of tensors) {
    if (offset < position) throw new InputError(`tensor "${name}" overlaps another tensor`);
    if (offset > position) {
      throw new InputError(`${offset - position} bytes before tensor "${name}" belong to no tensor`);
    }
    position += byteLength;
  }
  if (position < fileLength) {
    throw new InputError(`${fileLength - position} bytes at its end belong to no tensor`);
  }
}

/**
 * Reads a header from the bytes of its JSON.
 * Throws an InputError that says what is wrong, without the file's name, unless every rule of the format holds.
 */
export function parseHeader(json: Uint8Array, fileLength: number): Header {
  const { [METADATA_KEY]: metadata = {}, ...values } = parseObject(json);
  const dataStart = PREFIX_LENGTH + json.length;
  const entries = Object.entries(values).map(
    ([name, value]) => [name, parseEntry(name, value, dataStart, fileLength - dataStart)] as const,
  );
  entries.sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  const tensors = new Map(entries);
  checkCoverage(tensors, dataStart, fileLength);
  return { metadata: parseMetadata(metadata), tensors };
}

/** Names in the order in which their bytes are written: large dtypes first, then by the bytes of the name. */
function writingOrder(tensors: ReadonlyMap<string, { readonly dtype: DType }>): string[] {
  const keyed = [...tensors].map(([name, { dtype }]) => ({
    name,
    rank: RANK_OF_DTYPE.get(dtype)!,
    bytes: Buffer.from(name),
  }));
  keyed.sort((a, b) => b.rank - a.rank || Buffer.compare(a.bytes, b.bytes));
  return keyed.map(({ name }) => name);
}

/**
 * The first bytes of a file with these tensors (length, JSON, spaces up to a multiple of 8) and the order of the
 * tensors after them, both as the reference library writes them.
 */
export function layOutHeader(
  tensors: ReadonlyMap<string, { readonly dtype: DType; readonly shape: readonly number[] }>,
  metadata?: Readonly<Record<string, string>>,
): { bytes: Uint8Array; order: string[] } {
  if (tensors.has(METADATA_KEY)) {
    throw new InputError(`a tensor cannot be named "${METADATA_KEY}", so rename it`);
  }
  const order = writingOrder(tensors);
  const entries: [string, unknown][] = metadata === undefined ? [] : [[METADATA_KEY, metadata]];
  let end = 0;
  for (const name of order) {
    const { dtype, shape } = tensors.get(name)!;
    const begin = end;
    end += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    entries.push([name, { dtype: NAME_OF_DTYPE.get(dtype), shape, data_offsets: [begin, end] }]);
  }
  const json = Buffer.from(
    `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  );
  const bytes = Buffer.alloc(PREFIX_LENGTH + Math.ceil(json.length / 8) * 8, ' ');
  bytes.writeBigUInt64LE(BigInt(bytes.length - PREFIX_LENGTH));
  json.copy(bytes, PREFIX_LENGTH);
  return { bytes, order };
}
