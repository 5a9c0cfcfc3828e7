/** What CLIP says of generated pictures: how well they fit their prompts, and how close they are to reference pictures. */
import { InputError } from '../errors.js';
import { type Image, resample } from '../formats/index.js';
import type { Tensor } from '../tensor/index.js';

/** The official evaluation squashes every picture to this many pixels before CLIP's own processor sees it. */
const OFFICIAL_SIDE = 512;

/** A picture as the official evaluation.py hands it to the processor: PIL's resize to 512 × 512, bicubic. */
export function officialResize(image: Image): Image {
  return resample(image, OFFICIAL_SIDE, OFFICIAL_SIDE, 'bicubic');
}

/**
 * The text that a picture is compared with: prefix and prompt. `quoted` repeats the defect of the official evaluation.py,
 * which passes the prefix with literal quote characters around it; only to reproduce its numbers.
 */
export function clipText(prefix: string, prompt: string, { quoted = false } = {}): string {
  return quoted && prefix !== '' ? `"${prefix}"${prompt}` : prefix + prompt;
}

/**
 * Pictures and prompts that have the same id, in the order of the pictures. (The official evaluation pairs by place in a sorted
 * list, where one missing file shifts all that follow.) Throws InputError, naming ids, where one side lacks some.
 */
export function pairById<Picture>(
  pictures: ReadonlyMap<string, Picture>,
  prompts: ReadonlyMap<string, string>,
): { id: string; picture: Picture; prompt: string }[] {
  expectAll([...pictures.keys()], prompts, 'a prompt for every picture', 'prompts');
  expectAll([...prompts.keys()], pictures, 'a picture for every prompt', 'pictures');
  return [...pictures].map(([id, picture]) => ({ id, picture, prompt: prompts.get(id)! }));
}

function expectAll(ids: string[], among: ReadonlyMap<string, unknown>, what: string, lacking: string): void {
  const missing = ids.filter((id) => !among.has(id));
  if (missing.length === 0) return;
  const [first] = missing;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  throw new InputError(
    `expected ${what}, but "${first}"${more} has none; add the missing ${lacking} or take it away`,
  );
}

/** logits_per_image of each picture with its own text: `scale` times the cosine, for unit vectors [N, P]. */
export function clipLogits(images: Tensor<'float32'>, texts: Tensor<'float32'>, scale: number): number[] {
  return Array.from({ length: images.shape[0]! }, (_, i) => scale * dot(images, i, texts, i));
}

/** CLIP score: the mean of `clipLogits`. */
export function clipScore(images: Tensor<'float32'>, texts: Tensor<'float32'>, scale: number): number {
  return mean(clipLogits(images, texts, scale));
}

/** CLIP-T: 100 times the mean cosine of a picture and its own text. */
export function clipT(images: Tensor<'float32'>, texts: Tensor<'float32'>): number {
  return clipScore(images, texts, 100);
}

/** CLIP-I: the mean cosine over all pairs of a generated and a reference picture. */
export function clipI(generated: Tensor<'float32'>, references: Tensor<'float32'>): number {
  const cosines: number[] = [];
  for (let i = 0; i < generated.shape[0]!; i++)
    for (let j = 0; j < references.shape[0]!; j++) cosines.push(dot(generated, i, references, j));
  return mean(cosines);
}

function dot(a: Tensor<'float32'>, i: number, b: Tensor<'float32'>, j: number): number {
  const width = a.shape[1]!;
  let sum = 0;
  for (let k = 0; k < width; k++) sum += a.data[i * width + k]! * b.data[j * width + k]!;
  return sum;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
