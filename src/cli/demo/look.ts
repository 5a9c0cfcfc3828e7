/** One look at a model, with or without an adapter: pictures of the scene's prompts and losses on its pictures. */
import type { Image } from '../../formats/index.js';
import { generate } from '../../generate/index.js';
import type { StableDiffusion } from '../../models/index.js';
import { denoisingLosses } from '../../report/index.js';
import type { DemoConfig } from './config.js';
import type { Scene } from './scene.js';

/** Noise levels that each picture's loss is a mean over. */
export const DRAWS = 8;

export interface Look {
  /** In the order of the scene's shots. */
  readonly images: readonly Image[];
  /** For each set, the loss of each picture. */
  readonly losses: readonly (readonly number[])[];
}

/** The same prompts, seeds and noise at every call. `onProgress` may throw to stop. */
export async function lookAt(
  sd: StableDiffusion,
  scene: Scene,
  config: DemoConfig,
  onProgress: (what: 'drawn' | 'measured', done: number, total: number) => void,
): Promise<Look> {
  const images = await generate(sd, {
    prompt: scene.blocks.flatMap(({ shots }) => shots.map(({ prompt }) => prompt)),
    steps: config.sampleSteps,
    guidance: config.guidance,
    width: config.size,
    height: config.size,
    seed: config.seed,
    batchSize: config.batch,
    onStep: ({ done, total }) => onProgress('drawn', done, total),
  });
  const losses: number[][] = [];
  const total = scene.sets.reduce((sum, { samples }) => sum + samples.length, 0);
  for (const { folder, samples } of scene.sets) {
    const before = losses.flat().length;
    losses.push(
      await denoisingLosses(sd, folder, samples, {
        draws: DRAWS,
        seed: config.seed,
        onPicture: (done) => onProgress('measured', before + done, total),
      }),
    );
  }
  return { images, losses };
}
