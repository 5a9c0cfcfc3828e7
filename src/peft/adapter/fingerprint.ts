/** The identity of a network's weights. */
import { createHash } from 'node:crypto';
import { asFloat32, type Network } from '../../nn/index.js';

/**
 * `sha256:…` over every weight's key, shape and float32 bytes (little-endian), in the order of the keys.
 * `original` gives a weight's values before training where they are no longer in the network.
 */
export function fingerprint(
  network: Network,
  original: (key: string, data: Float32Array) => Float32Array = (_, data) => data,
): string {
  const hash = new FingerprintHash();
  for (const key of fingerprintOrder(network.parameters.keys())) {
    const { shape, data } = asFloat32(network.parameters.get(key)!);
    hash.add(key, shape, original(key, data));
  }
  return hash.digest();
}

/** The order in which weights are hashed. */
export function fingerprintOrder(keys: Iterable<string>): string[] {
  return [...keys].sort((a, b) => (a < b ? -1 : 1));
}

/** The fingerprint of weights that come one after the other, in `fingerprintOrder`. */
export class FingerprintHash {
  private readonly hash = createHash('sha256');

  add(key: string, shape: readonly number[], values: Float32Array): void {
    this.hash.update(`${key} [${shape}]\n`);
    this.hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  digest(): string {
    return `sha256:${this.hash.digest('hex')}`;
  }
}

/** The first digits, enough for people to tell models apart. */
export function shortFingerprint(full: string): string {
  return full.slice(0, 'sha256:'.length + 12);
}
