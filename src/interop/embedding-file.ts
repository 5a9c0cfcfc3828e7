/** Files of textual inversions: learned tokens as diffusers, sd-scripts and AUTOMATIC1111 save them. */
import { join, parse } from 'node:path';
import { InputError } from '../errors.js';
import {
  isTorchFile,
  readSafetensors,
  readTorchValue,
  type TorchValue,
  writeSafetensors,
} from '../formats/index.js';
import type { LearnedToken } from '../models/index.js';
import { type Tensor, tensor, toFloat32 } from '../tensor/index.js';

/** sd-scripts' names of the rows for one text encoder, and for the two of Stable Diffusion XL. */
const KOHYA: Readonly<Record<number, readonly string[]>> = { 1: ['emb_params'], 2: ['clip_l', 'clip_g'] };

/**
 * Reads a learned token:
 * - diffusers: its rows under the token itself;
 * - sd-scripts: `emb_params`, or `clip_l` and `clip_g`; the token is the file's name;
 * - AUTOMATIC1111: a pickle with `string_to_param`, and the token as `name`.
 *
 * Throws InputError where the file is none of these.
 */
export async function readEmbedding(path: string): Promise<LearnedToken> {
  const { name } = parse(path);
  const { token = name, rows } = (await isTorchFile(path))
    ? await fromTorch(path)
    : await fromSafetensors(path);
  return { token, rows: rows.map((one) => asRows(path, one)) };
}

/** The file, of those that `saveEmbeddings` writes, that is written last. */
export const LEARNED_TOKEN = 'learned_embeds.safetensors';

/**
 * Writes a learned token into a folder in both common layouts: `learned_embeds.safetensors` (and
 * `learned_embeds_2.safetensors` for a second text encoder) for diffusers, `embedding.safetensors` for sd-scripts,
 * ComfyUI and AUTOMATIC1111. Throws InputError where the operating system refuses.
 */
export async function saveEmbeddings(folder: string, { token, rows }: LearnedToken): Promise<void> {
  const names = KOHYA[rows.length]!;
  const both = new Map(rows.map((one, i) => [names[i]!, one]));
  await writeSafetensors(join(folder, 'embedding.safetensors'), both, { format: 'pt', token });
  for (const [i, one] of [...rows.entries()].reverse()) {
    const name = i === 0 ? LEARNED_TOKEN : `learned_embeds_${i + 1}.safetensors`;
    await writeSafetensors(join(folder, name), new Map([[token, one]]), { format: 'pt' });
  }
}

interface Found {
  /** Undefined where the file's name is the token. */
  readonly token: string | undefined;
  readonly rows: readonly Tensor[];
}

async function fromSafetensors(path: string): Promise<Found> {
  const { tensors, metadata } = await readSafetensors(path);
  return fromNamed(path, tensors, metadata.token);
}

async function fromTorch(path: string): Promise<Found> {
  const value = await readTorchValue(path);
  if (!(value instanceof Map)) throw notOne(path, 'no dict');
  const params: unknown = value.get('string_to_param');
  if (params === undefined) return fromNamed(path, tensorsIn(value), undefined);
  const rows = params instanceof Map ? [...tensorsIn(params).values()] : [];
  if (rows.length !== 1) throw notOne(path, `${rows.length} tensors under "string_to_param"`);
  const name = value.get('name');
  return { token: typeof name === 'string' && name !== '' ? name : undefined, rows };
}

function tensorsIn(dict: ReadonlyMap<unknown, TorchValue>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of dict) if (typeof name === 'string' && isTensor(value)) tensors.set(name, value);
  return tensors;
}

const isTensor = (value: TorchValue): value is Tensor =>
  typeof value === 'object' && value !== null && 'dtype' in value;

function fromNamed(path: string, tensors: ReadonlyMap<string, Tensor>, token: string | undefined): Found {
  const names = Object.values(KOHYA).find((all) => all.every((name) => tensors.has(name)));
  if (names) return { token, rows: names.map((name) => tensors.get(name)!) };
  const [only] = tensors;
  if (tensors.size !== 1 || !only) throw notOne(path, `${tensors.size} tensors`);
  return { token: only[0], rows: [only[1]] };
}

/** [d] or [n, d] → [n, d] in float32. */
function asRows(path: string, stored: Tensor): Tensor<'float32'> {
  const shape = stored.shape.length === 1 ? [1, ...stored.shape] : stored.shape;
  if (shape.length !== 2) throw notOne(path, `a tensor of shape [${stored.shape}]`);
  return tensor(shape, toFloat32(stored));
}

function notOne(path: string, got: string): InputError {
  return new InputError(
    `expected a learned token in ${path} (one tensor of rows under its name, emb_params, or string_to_param), got ${got}; name a textual inversion`,
  );
}
