/** Drawing entries uniformly among those of several weights. */
import { Random } from '../../tensor/index.js';
import { expectTrainable, positionsOfOnes } from '../selection.js';

/** `count` different entries of weights of these sizes, by key; ascending in each. The seed names the draw. */
export function randomPositions(
  sizes: ReadonlyMap<string, number>,
  count: number,
  seed: number,
): Map<string, Int32Array> {
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expectTrainable(count, total);
  // Of many it is those left out that are drawn, so that few draws hit what was drawn before.
  const draws = Math.min(count, total - count);
  const drawn = new Uint8Array(Math.ceil(total / 8));
  const random = new Random(seed, 'random entries');
  for (let i = 0; i < draws; ) {
    const at = random.integer(0, total);
    const [byte, bit] = [Math.floor(at / 8), 1 << (at % 8)];
    if ((drawn[byte]! & bit) !== 0) continue;
    drawn[byte]! |= bit;
    i++;
  }
  const chosen = (at: number) => ((drawn[Math.floor(at / 8)]! >> (at % 8)) & 1) === Number(draws === count);
  const positions = new Map<string, Int32Array>();
  let start = 0;
  for (const [key, size] of sizes) {
    const mask = new Uint8Array(size);
    for (let i = 0; i < size; i++) mask[i] = Number(chosen(start + i));
    positions.set(key, positionsOfOnes(mask));
    start += size;
  }
  return positions;
}
