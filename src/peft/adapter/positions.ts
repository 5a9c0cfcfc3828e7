/** Ascending positions as bytes: the gaps between them, seven bits a byte (LEB128). */
import { InputError } from '../../errors.js';

/** 1 byte for each position where gaps are below 128, 2 below 16384. */
export function encodePositions(positions: Int32Array): Uint8Array {
  let length = 0;
  forEachGap(positions, (gap) => {
    length++;
    for (let rest = gap; rest >= 0x80; rest >>>= 7) length++;
  });
  const bytes = new Uint8Array(length);
  let at = 0;
  forEachGap(positions, (gap) => {
    let rest = gap;
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
  });
  return bytes;
}

/** Throws InputError unless the bytes hold exactly `count` positions below `size`. */
export function decodePositions(bytes: Uint8Array, count: number, size: number): Int32Array {
  const positions = new Int32Array(count);
  let at = 0;
  let position = -1;
  for (let i = 0; i < count; i++) {
    let gap = 0;
    let factor = 1;
    let byte: number;
    do {
      if (at === bytes.length) throw new InputError(`it lists ${i} positions for ${count} entries`);
      byte = bytes[at++]!;
      gap += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80 && gap < size);
    position += gap + 1;
    if (position >= size)
      throw new InputError(`it lists position ${position} of a weight with ${size} entries`);
    positions[i] = position;
  }
  if (at < bytes.length) throw new InputError(`it lists more positions than its ${count} entries`);
  return positions;
}

function forEachGap(positions: Int32Array, visit: (gap: number) => void): void {
  let previous = -1;
  for (let i = 0; i < positions.length; i++) {
    visit(positions[i]! - previous - 1);
    previous = positions[i]!;
  }
}
