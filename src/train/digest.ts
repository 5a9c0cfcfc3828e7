/** SHA-256 names for what encodings and runs depend on. */
import { createHash } from 'node:crypto';
import type { Network } from '../nn/index.js';
import { fingerprint } from '../peft/index.js';
import type { ImageFolder } from './data/image-folder.js';

/** Of a network's weights, its configuration, and files that belong to it. */
export function networkDigest(network: Network, files: Iterable<Uint8Array> = []): string {
  const hash = createHash('sha256').update(fingerprint(network)).update(JSON.stringify(network.config));
  for (const bytes of files) hash.update(bytes);
  return hash.digest('hex');
}

/** Of the pictures and captions of one or several folders, in the order in which they are shown. */
export function dataDigest(...folders: readonly (ImageFolder | undefined)[]): string {
  const hash = createHash('sha256');
  for (const data of folders) {
    for (const entry of data?.entries ?? [])
      hash.update(JSON.stringify([entry.contentHash, data!.captionOf(entry), entry.repeats]));
  }
  return hash.digest('hex');
}
