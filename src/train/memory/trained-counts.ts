/** How many entries of each weight will train, told from a few of the weights. */
import { readWeight, type Weights } from '../../models/weights.js';
import { sizeOf } from '../../tensor/index.js';

/** Of a long weight, every so many-th entry is looked at. */
const STRIDE = 16;
const LONG = 65_536;

/** |w| < θ: looks at one weight of each shape, since weights of one shape resemble each other. */
export async function countsBelow(
  weights: Weights,
  threshold: number,
  chosen: (key: string) => boolean,
): Promise<Map<string, number>> {
  const shares = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const [key, { shape }] of weights.tensors) {
    const kind = `${key.slice(key.lastIndexOf('.'))} ${shape}`;
    if (chosen(key) && !shares.has(kind)) shares.set(kind, await shareBelow(weights, key, threshold));
    counts.set(key, chosen(key) ? Math.round(sizeOf(shape) * shares.get(kind)!) : 0);
  }
  return counts;
}

async function shareBelow(weights: Weights, key: string, threshold: number): Promise<number> {
  const { data } = await readWeight(weights, key);
  const stride = data.length > LONG ? STRIDE : 1;
  let [below, seen] = [0, 0];
  for (let i = 0; i < data.length; i += stride, seen++) below += Number(Math.abs(data[i]!) < threshold);
  return below / seen;
}

/** `count` entries, spread evenly. */
export function countsInAll(
  weights: Weights,
  count: number,
  chosen: (key: string) => boolean,
): Map<string, number> {
  const sizes = [...weights.tensors].map(
    ([key, { shape }]) => [key, chosen(key) ? sizeOf(shape) : 0] as const,
  );
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  return new Map(sizes.map(([key, size]) => [key, Math.round((size / total) * Math.min(count, total))]));
}

/** Whole weights: none of those that are not chosen. */
export function countsOfWhole(weights: Weights, chosen: (key: string) => boolean): Map<string, number> {
  return new Map([...weights.tensors.keys()].filter((key) => !chosen(key)).map((key) => [key, 0]));
}
