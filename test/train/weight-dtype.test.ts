/** Training a model whose weights stay in float16: the same entries and nearly the same values, in one graph and in stages. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { StableDiffusion } from '../../src/models/index.js';
import { float32Array } from '../../src/nn/index.js';
import { applyAdapters, loadAdapter } from '../../src/peft/index.js';
import { type RunHooks, type TrainInput, trainRun, trainSchema } from '../../src/train/index.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 120_000 });

let shared: string;
let model: string;

const run = (out: string, settings: Partial<TrainInput> = {}, hooks: RunHooks = {}) =>
  trainRun(
    trainSchema.parse({
      ...{ model, data: join(shared, 'data'), out, steps: 4, batch: 2, checkpointEvery: 2, threads: 1 },
      ...{ threshold: 5e-2, learningRate: 1e-3 },
      ...settings,
    }),
    hooks,
  );

/** The UNet with a run's adapter on it. */
async function trained(out: string) {
  const { unet } = await StableDiffusion.load(model);
  applyAdapters(unet, [{ adapter: await loadAdapter(join(out, 'adapter.safetensors')) }]);
  return unet;
}

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-half-'));
  model = join(shared, 'model');
  await writeTinyModel(model, 1, 'float16');
  await drawPictures(join(shared, 'data'), 3);
  return () => rm(shared, { recursive: true });
});

it.each([false, true])(
  'learns what float32 weights learn (gradient checkpointing: %s)',
  async (gradientCheckpointing) => {
    const [half, whole] = [await temporaryFolder(), await temporaryFolder()];
    await run(half, { weightDtype: 'float16', gradientCheckpointing });
    await run(whole, { gradientCheckpointing });
    const [found, expected] = [await trained(half), await trained(whole)];
    const base = (await StableDiffusion.load(model)).unet;
    const [differences, movements] = [
      [found, expected],
      [expected, base],
    ].map(([one, other]) =>
      [...base.parameters.keys()].flatMap((key) => {
        const values = float32Array(other!, key);
        return Array.from(float32Array(one!, key), (value, i) => Math.abs(value - values[i]!));
      }),
    );
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    // Trained values are rounded to float16 for each pass, which Adam answers in entries whose gradient is near zero.
    expect(mean(movements!)).toBeGreaterThan(1e-4);
    expect(mean(differences!)).toBeLessThan(1e-3 * mean(movements!));
    expect(Math.max(...differences!)).toBeLessThan(1e-4);
  },
);

it('goes on after an interruption to the same bytes', async () => {
  const [whole, parts] = [await temporaryFolder(), await temporaryFolder()];
  await run(whole, { weightDtype: 'float16' });
  let steps = 0;
  const onEvent = ({ type }: { type: string }) => {
    if (type === 'step') steps++;
  };
  await run(parts, { weightDtype: 'float16' }, { onEvent, stopRequested: () => steps >= 2 });
  await run(parts, { weightDtype: 'float16' });
  const adapter = (out: string) => readFile(join(out, 'adapter.safetensors'));
  expect((await adapter(parts)).equals(await adapter(whole))).toBe(true);
});

it('is refused where weights are stored in float32, and where all of a weight trains', async () => {
  const full: Partial<TrainInput> = { weightDtype: 'float16', method: 'full', threshold: undefined };
  await expect(run(await temporaryFolder(), full)).rejects.toThrow('leave --weight-dtype out');
  await writeTinyModel(join(shared, 'float32'));
  await expect(
    run(await temporaryFolder(), { weightDtype: 'float16', model: join(shared, 'float32') }),
  ).rejects.toThrow('is stored in float32');
});
