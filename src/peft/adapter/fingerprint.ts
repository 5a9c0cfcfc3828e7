/** The identity of a network's weights. */
import { createHash } from 'node:crypto';
import type { Network } from '../../nn/index.js';

/**
 * `sha256:…` over every weight's key, shape and float32 bytes (little-endian), in the order of the keys.
 * `original` gives a weight's values before training where they are no longer in the network.
 */
export function fingerprint(
  network: Network,
  original: (key: string, data: Float32Array) => Float32Array = (_, data) => data,
): string {
  const hash = createHash('sha256');
  const entries = [...network.parameters].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, { shape, data }] of entries) {
    const values = original(key, data);
    hash.update(`${key} [${shape}]\n`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return `sha256:${hash.digest('hex')}`;
}

/** The first digits, enough for people to tell models apart. */
export function shortFingerprint(full: string): string {
  return full.slice(0, 'sha256:'.length + 12);
}
