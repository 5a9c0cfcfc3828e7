/** CRC-32 (ISO 3309), the checksum of zip entries. */
import zlib from 'node:zlib';

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** Needed before Node 20.15, whose zlib lacks it. */
export function crc32Portable(bytes: Uint8Array, before = 0): number {
  let rest = ~before;
  for (let i = 0; i < bytes.length; i++) rest = TABLE[(rest ^ bytes[i]!) & 0xff]! ^ (rest >>> 8);
  return ~rest >>> 0;
}

/** zlib counts bytes in 32 bits. */
const PIECE = 2 ** 30;

/** The checksum of `bytes`, or of all that went `before` and them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const sumOf = zlib.crc32 ?? crc32Portable;
  let sum = before;
  for (let start = 0; start < bytes.length; start += PIECE) {
    sum = sumOf(bytes.subarray(start, start + PIECE), sum);
  }
  return sum;
}
