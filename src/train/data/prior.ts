/** Prior preservation (DreamBooth, arXiv 2208.12242): beside the pictures of a subject, pictures of its class. */
import type { Sample } from './sample.js';

/**
 * Each picture of the subject followed by one of its class. The mean over both has half of each mean, so that
 * L = mean(subject) + λ mean(class), as diffusers' train_dreambooth.py has it, asks for the weights 2 and 2λ.
 */
export function withPrior(subject: readonly Sample[], ofClass: readonly Sample[], lambda: number): Sample[] {
  return subject.flatMap((sample, i) => [
    { ...sample, weight: 2 },
    { ...ofClass[i]!, weight: 2 * lambda },
  ]);
}
