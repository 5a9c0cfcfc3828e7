/** How well a model denoises pictures: the training objective with noise and timesteps that are the same at every call. */
import { noiseSchedule } from '../diffusion/index.js';
import { type Conditioning, type StableDiffusion, stackConditionings, timeIds } from '../models/index.js';
import { Random, repeat, sizeOf, type Tensor, tensor } from '../tensor/index.js';
import type { ImageFolder } from '../train/data/image-folder.js';
import { pictureSizesOf, type Sample } from '../train/data/sample.js';

export interface DenoisingLossOptions {
  /** Timesteps for each picture, one from each of as many equal parts of the schedule; 8 unless said. */
  draws?: number;
  /** Names the noise and the timesteps; 0 unless said. */
  seed?: number;
  /** After each picture. */
  onPicture?: ((done: number, total: number) => void) | undefined;
}

/** E ‖target − f(z_t, t, caption)‖², a mean over `draws` for each sample. */
export async function denoisingLosses(
  sd: StableDiffusion,
  folder: ImageFolder,
  samples: readonly Sample[],
  options: DenoisingLossOptions = {},
): Promise<number[]> {
  const { draws = 8, seed = 0, onPicture } = options;
  const schedule = noiseSchedule(sd.schedulerConfig);
  const losses: number[] = [];
  for (const [i, sample] of samples.entries()) {
    const pixels = tensor([1, 3, folder.size, folder.size], await folder.load(sample));
    const latents = repeat(await sd.encodeImages(pixels, posteriorNoise(sd, folder.size, seed, i)), draws);
    const noise = new Random(seed, 'denoising loss noise', i).normal(latents.data.length);
    const within = new Random(seed, 'denoising loss timesteps', i).uniform(draws);
    const timesteps = Int32Array.from(within, (u, k) => Math.floor(((k + u) / draws) * schedule.length));
    const sizes = pictureSizesOf(sample, [folder.size, folder.size]);
    const conditioning = { ...(await sd.encodePrompts([sample.caption])), timeIds: timeIds(sizes) };
    const prediction = await sd.predict(
      tensor(latents.shape, schedule.addNoise(latents.data, noise, timesteps)),
      tensor([draws], Float32Array.from(timesteps)),
      stackConditionings(new Array<Conditioning>(draws).fill(conditioning)),
    );
    losses.push(meanSquare(prediction.data, schedule.target(latents.data, noise, timesteps)));
    onPicture?.(i + 1, samples.length);
  }
  return losses;
}

/** What the latents of a picture are drawn with, as in training. */
function posteriorNoise(sd: StableDiffusion, size: number, seed: number, picture: number): Tensor<'float32'> {
  const side = size / sd.scaleFactor;
  const shape = [1, sd.vae.config.latent_channels, side, side];
  return tensor(shape, new Random(seed, 'denoising loss posterior', picture).normal(sizeOf(shape)));
}

/** The mean of (a − b)². */
function meanSquare(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}
