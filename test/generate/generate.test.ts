/** From prompts to pictures: golden pipelines, seeds, guidance, and options that cannot be used. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipelineCase } from '../../golden/pipeline.js';
import { InputError } from '../../src/errors.js';
import { type DenoiseStep, denoise, type GenerateOptions, generate } from '../../src/generate/index.js';
import { type Conditioning, StableDiffusion } from '../../src/models/index.js';
import { Random, type Tensor, tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const FIXTURES = 'test/fixtures/pipeline';

describe('golden pipelines', () => {
  it.each([
    ['sd15', 11],
    ['sd2-v', 11],
    ['sdxl', 15],
  ])('%s', async (name, count) => {
    const checks = await runPipelineCase(`${FIXTURES}/${name}`);
    expect(checks).toHaveLength(count);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe('generate', () => {
  let sd: StableDiffusion;
  beforeAll(async () => {
    sd = await StableDiffusion.load(`${FIXTURES}/sd15`);
  });
  afterAll(() => sd.dispose());

  const small = { prompt: 'a fox', steps: 2, width: 16, height: 24, seed: 3 };

  it.each(['ddim', 'euler-a'])('makes picture i whatever the count and the batch (%s)', async (sampler) => {
    const options = { ...small, sampler };
    const three = await generate(sd, { ...options, count: 3 });
    expect(three.map(({ width, height }) => [width, height])).toEqual(Array(3).fill([16, 24]));
    expect(three[0]).not.toEqual(three[1]);
    expect(await generate(sd, options)).toEqual([three[0]]);
    expect(await generate(sd, { ...options, first: 1, count: 2 })).toEqual(three.slice(1));
    const batched = await generate(sd, { ...options, count: 3, batchSize: 2 });
    for (const [i, { data }] of batched.entries()) {
      // Rounding may differ between batch sizes, by at most one level of 255.
      expectAllclose(data, three[i]!.data, { rtol: 0, atol: 1, reason: 'other matrix shapes' });
    }
    expect(await generate(sd, { ...options, seed: 4 })).not.toEqual([three[0]]);
  });

  it('gives picture i prompt i, and negative prompt i', async () => {
    const prompt = ['a fox', 'a blue photo'];
    const negativePrompt = ['blurry', 'red'];
    const both = await generate(sd, { ...small, prompt, negativePrompt });
    const first = await generate(sd, { ...small, prompt: 'a fox', negativePrompt: 'blurry' });
    expect(both[0]).toEqual(first[0]);
    expect(await generate(sd, { ...small, prompt, negativePrompt, first: 1, count: 1 })).toEqual([both[1]]);
    const swapped = await generate(sd, { ...small, prompt, negativePrompt: ['blurry', 'blurry'] });
    expect(swapped[0]).toEqual(both[0]);
    expect(swapped[1]).not.toEqual(both[1]);
  });

  it('calls the network once for each picture without guidance, and reports every call', async () => {
    const seen: [number, number, number, number][] = [];
    await generate(sd, {
      ...small,
      guidance: 1,
      count: 2,
      onStep: ({ networkOutput, step, done, total }) => {
        seen.push([networkOutput.shape[0]!, step, done, total]);
      },
    });
    // PNDM makes one call more than steps.
    expect(seen).toEqual([1, 2, 3, 4, 5, 6].map((done) => [1, ((done - 1) % 3) + 1, done, 6]));
  });

  it("takes the model's own size unless told", async () => {
    const [image] = await generate(sd, { prompt: 'a fox', steps: 1, guidance: 1, sampler: 'ddim' });
    expect(image).toMatchObject({ width: 128, height: 128 });
  });

  it('needs a size where the model has none', async () => {
    const unet = { ...sd.unet, config: { ...sd.unet.config, sample_size: null } };
    const sizeless = new StableDiffusion({ ...sd, unet });
    await expect(generate(sizeless, { prompt: 'a fox' })).rejects.toThrow(/sample_size/);
  });

  it('tells Stable Diffusion XL the sizes, of the picture unless said', async () => {
    const xl = await StableDiffusion.load(`${FIXTURES}/sdxl`);
    const options = { ...small, width: 32, height: 64, guidance: 1 };
    const own = await generate(xl, options);
    const said = { original: [64, 32], target: [64, 32] } as const;
    expect(await generate(xl, { ...options, sizes: said })).toEqual(own);
    expect(await generate(xl, { ...options, sizes: { crop: [0, 512] } })).not.toEqual(own);
    await xl.dispose();
  });

  it.each<[Partial<GenerateOptions>, RegExp]>([
    [{ width: 20 }, /width: expected a multiple of 8 pixels, got 20/],
    [{ height: 0 }, /height/],
    [{ steps: 0 }, /steps: expected a whole number of at least 1, got 0/],
    [{ steps: 2000 }, /steps.*1000, got 2000/],
    [{ seed: -1 }, /seed/],
    [{ count: 1.5 }, /count/],
    [{ first: -1 }, /first/],
    [{ batchSize: 0 }, /batchSize/],
    [{ guidance: Number.NaN }, /guidance: expected a number, got NaN/],
    [{ prompt: [] }, /prompt/],
    [{ negativePrompt: ['a', 'b'] }, /negativePrompt: expected one, or 1/],
    [{ sampler: 'dpm' }, /sampler "dpm"/],
    [{ latents: tensor([1, 4, 1, 1], new Float32Array(4)) }, /latents: expected shape \[1,4,3,2\]/],
  ])('refuses %o', async (change, message) => {
    const attempt = generate(sd, { ...small, ...change });
    await expect(attempt).rejects.toThrow(InputError);
    await expect(attempt).rejects.toThrow(message);
  });
});

describe('denoise', () => {
  const shape = [1, 1, 1, 2];
  /** Its output is the text state plus a tenth of the input. */
  const predict = async (
    sample: Tensor<'float32'>,
    timesteps: Tensor<'float32'>,
    { encoderHiddenStates: states }: Conditioning,
  ) => {
    expect(timesteps.data).toEqual(new Float32Array(sample.shape[0]!).fill(7));
    return tensor(
      sample.shape,
      sample.data.map((x, i) => states.data[Math.floor(i / 2)]! + 0.1 * x),
    );
  };
  /** One step that subtracts the output from inputs it shows the network halved. */
  const sampler = () => ({
    timesteps: Float32Array.of(7),
    initNoiseSigma: 4,
    scaleModelInput: (sample: Float32Array) => sample.map((x) => x / 2),
    step: (output: Float32Array, _: number, sample: Float32Array) => ({
      prevSample: sample.map((x, i) => x - output[i]!),
      predOriginalSample: output,
    }),
  });
  const noise = tensor(shape, Float32Array.of(1, -1));
  const state = (value: number) => ({ encoderHiddenStates: tensor([1, 1, 1], Float32Array.of(value)) });

  it('combines both outputs as ε₋ + s (ε₊ − ε₋)', async () => {
    const steps: DenoiseStep[] = [];
    const latents = await denoise(predict, {
      noise,
      prompt: state(1),
      negative: state(0.5),
      guidance: 3,
      sampler: sampler(),
      onStep: (step) => {
        steps.push(step);
      },
    });
    // Latents ±4, network input ±2: ε₋ = 0.5 ± 0.2, ε₊ = 1 ± 0.2, together 2 ± 0.2.
    expectAllclose(steps[0]!.networkOutput.data, [0.7, 0.3, 1.2, 0.8]);
    expectAllclose(latents.data, [4 - 2.2, -4 - 1.8]);
    expectAllclose(steps[0]!.latents.data, latents.data);
    expectAllclose(steps[0]!.cleanLatents.data, [2.2, 1.8]);
  });

  it('uses the prompt alone without negative states', async () => {
    const latents = await denoise(predict, { noise, prompt: state(1), guidance: 3, sampler: sampler() });
    expectAllclose(latents.data, [4 - 1.2, -4 - 0.8]);
  });

  it('leaves the given noise as it was', async () => {
    const given = tensor(shape, new Random(1, 'given').normal(2));
    const copy = given.data.slice();
    await denoise(predict, { noise: given, prompt: state(1), guidance: 1, sampler: sampler() });
    expect(given.data).toEqual(copy);
  });
});
