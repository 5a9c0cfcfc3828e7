/** SHA-256 names for what encodings, runs and drawn pictures depend on. */
import { createHash } from 'node:crypto';
import type { Encoders, StableDiffusion } from '../models/index.js';
import type { Network } from '../nn/index.js';
import { fingerprint } from '../peft/index.js';
import type { ImageFolder } from './data/image-folder.js';

/** Of a network's weights, its configuration, and files that belong to it. */
export function networkDigest(network: Network, files: Iterable<Uint8Array> = []): string {
  const hash = createHash('sha256').update(fingerprint(network)).update(JSON.stringify(network.config));
  for (const bytes of files) hash.update(bytes);
  return hash.digest('hex');
}

/** Of everything that text states depend on but the text. */
export function textDigest({ textEncoders, zerosForNoPrompt }: Encoders): string {
  const digests = textEncoders.map(({ network, tokenizerFiles }) =>
    networkDigest(network, tokenizerFiles.values()),
  );
  return [...digests, ...(zerosForNoPrompt ? ['zeros for no prompt'] : [])].join('\n');
}

/** Of everything in a model that what it draws depends on. */
export function modelDigest(sd: StableDiffusion): string {
  const parts = [
    networkDigest(sd.unet),
    networkDigest(sd.vae),
    textDigest(sd),
    JSON.stringify(sd.schedulerConfig),
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
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
