/** Drawing one picture with guidance: text encoder, sampler steps and decoder, each timed. */
import { createSampler } from '../src/diffusion/index.js';
import { InputError } from '../src/errors.js';
import { ClipTokenizer } from '../src/formats/index.js';
import { denoise } from '../src/generate/denoise.js';
import { CLIP_TEXT, StableDiffusion, UNET, VAE } from '../src/models/index.js';
import { newModelIndex } from '../src/models/model-index.js';
import type { RuntimeOptions } from '../src/runtime/index.js';
import { Random, sizeOf, tensor } from '../src/tensor/index.js';
import { randomNetwork } from './random-weights.js';
import { type Case, SAMPLER_STEPS } from './sizes.js';
import { secondsOf } from './timing.js';
import type { Work, WorkOptions } from './works.js';

const GUIDANCE = 7.5;
const TOKENIZER = 'models/clip-tokenizer';

/** A step is one sampler step: the UNet on both prompts, guidance, and DDIM's update. */
export async function sampling(of: Case, { threads }: WorkOptions): Promise<Work> {
  const sd = await randomModel(of, { threads });
  const encode = async () => [await sd.encodePrompts(['']), await sd.encodePrompts(['a red apple'])] as const;
  const [textFirst, text] = [await secondsOf(encode), await secondsOf(encode)];
  const [negative, prompt] = await encode();
  const shape = [1, ...of.latents];
  let latents = tensor(shape, new Random(0, 'latents').normal(sizeOf(shape)));
  return {
    facts: {},
    times: async (count) => {
      const sampler = createSampler(of.scheduler, SAMPLER_STEPS);
      const ends = [performance.now()];
      latents = await denoise((...inputs) => sd.predict(...inputs), {
        ...{ noise: latents, prompt, negative, guidance: GUIDANCE },
        sampler: { ...sampler, timesteps: sampler.timesteps.slice(0, count) },
        onStep: () => void ends.push(performance.now()),
      });
      return ends.slice(1).map((end, i) => (end - ends[i]!) / 1000);
    },
    parts: async () => {
      const decode = () => sd.decodeLatents(latents);
      return { textFirst, text, decodeFirst: await secondsOf(decode), decode: await secondsOf(decode) };
    },
  };
}

async function randomModel(of: Case, runtime: RuntimeOptions): Promise<StableDiffusion> {
  if (!of.vae || !of.textEncoder)
    throw new InputError(`drawing is not measured for ${of.title}; choose another`);
  return new StableDiffusion(
    {
      unet: randomNetwork('unet', UNET, of.unet),
      vae: randomNetwork('vae', VAE, of.vae),
      textEncoders: [
        {
          network: randomNetwork('text_encoder', CLIP_TEXT, of.textEncoder),
          tokenizer: await ClipTokenizer.load(TOKENIZER),
          tokenizerName: 'tokenizer',
          tokenizerFiles: new Map(),
        },
      ],
      schedulerConfig: of.scheduler,
      modelIndex: newModelIndex(1),
    },
    runtime,
  );
}
