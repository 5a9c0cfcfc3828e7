/** `sara analyze` as its users run it, on weights and changes that are diagonal, so that all it tells can be worked out by hand. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { loadNetwork, saveNetwork, UNET } from '../../src/models/index.js';
import { float32Array } from '../../src/nn/index.js';
import { saveAdapter } from '../../src/peft/index.js';
import { fullAdapter } from '../support/adapters.js';
import { expectAllclose } from '../support/allclose.js';
import { done, sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 120_000 });

const TO_V = /attn\d\.to_v\.weight$/;
/** All of attn2 is twice as large as all of attn1, whose diagonal this is. */
const WEIGHT = [4, 3, 2, 1, 0.5];
const sizeOf = (key: string) => (key.includes('attn2') ? 2 : 1);

/** A model with such value projections, and two adapters of them: half of diag(1, 0, 0, 2.5), and diag(0, 0, 3, 1). */
async function modelWithAdapters() {
  const folder = await temporaryFolder();
  const model = join(folder, 'model');
  await writeTinyModel(model);
  const unet = await loadNetwork(join(model, 'unet'), 'unet', UNET);
  const keys = [...unet.parameters.keys()].filter((key) => TO_V.test(key));
  const diagonal = (key: string, values: readonly number[]) => {
    const { shape } = unet.parameters.get(key)!;
    const data = new Float32Array(shape[0]! * shape[1]!);
    for (const [i, value] of values.entries()) data[i * shape[1]! + i] = sizeOf(key) * value;
    return data;
  };
  for (const key of keys) float32Array(unet, key).set(diagonal(key, WEIGHT));
  await saveNetwork(join(model, 'unet'), unet);
  const paths = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`)) as [string, string];
  for (const [i, values] of [
    [0.5, 0, 0, 1.25],
    [0, 0, 3, 1],
  ].entries()) {
    const changes = new Map(keys.map((key) => [key, diagonal(key, values)]));
    await saveAdapter(paths[i]!, fullAdapter(unet, changes));
  }
  return { model, keys, a: `${paths[0]}:2`, b: paths[1], nameOfA: paths[0] };
}

it('tells norms, amplification and how alike changes are', async () => {
  const { model, keys, a, b, nameOfA } = await modelWithAdapters();
  const both = ['analyze', '--model', model, '--adapter', a, '--adapter', b, '--ranks', '1,2,64'];
  const layers = JSON.parse(await done(...both, '--json'));
  expect(layers.map(({ key }: { key: string }) => key)).toEqual(keys);
  for (const { key, ranks, frobenius, nuclear, spectrum, changes, similarity } of layers) {
    const size = sizeOf(key);
    expect(ranks).toEqual([1, 2]);
    expectAllclose(
      [frobenius, nuclear, ...spectrum],
      [Math.sqrt(30.25), 10.5, 4, 3].map((value) => size * value),
    );
    // The first acts along axes 4 and 1, where the weight is 1 and 4. With it, axes 1 and 4 lead, which were 1 and 2.
    expectAllclose(
      [changes[0].frobenius, changes[0].nuclear, ...changes[0].spectrum],
      [Math.sqrt(7.25), 3.5, 2.5, 1].map((value) => size * value),
    );
    const amplification = changes.map(
      ({ amplification }: { amplification: { projection: number; factor: number }[] }) =>
        amplification.map(({ projection, factor }) => [projection / size, factor]),
    );
    expectAllclose(amplification[0].flat(), [1, Math.sqrt(7.25), Math.sqrt(17), Math.sqrt(7.25 / 17)]);
    expectAllclose(changes[0].kept, [1, 0.5], { atol: 1e-12 });
    // The second acts along axes 3 and 4, where the weight is 2 and 1. With it, axes 3 and 1 lead.
    expectAllclose(amplification[1].flat(), [2, Math.sqrt(10) / 2, Math.sqrt(5), Math.sqrt(2)]);
    expectAllclose(changes[1].kept, [0, 0.5], { atol: 1e-12 });
    expectAllclose(similarity, [0, 0.5], { atol: 1e-12 });
  }

  const lines = (await done(...both)).split('\n').map((line) => line.trim().split(/ {2,}/));
  const row = (name: string) =>
    lines
      .find(([first]) => first === name)!
      .slice(1)
      .map(Number);
  // Means over as many weights of attn1 as of attn2 are 1.5 times those of attn1; ratios are the same in both.
  expectAllclose(row('P'), [8.25, 15.75]);
  expectAllclose(row(nameOfA), [4.039, 5.25]);
  expectAllclose(row(`${nameOfA}: ‖UᵀPV‖`), [1.5, 6.18]);
  expectAllclose(row(`${nameOfA}: amplification`), [2.69, 0.653]);
  expectAllclose(row(`${b}: φ(P + ΔP, P)`), [0, 0.5], { atol: 1e-12 });
  expectAllclose(row('φ of the first two changes'), [0, 0.5], { atol: 1e-12 });
});

it('says what it cannot look into', async () => {
  const { model, a } = await modelWithAdapters();
  const given = ['analyze', '--model', model, '--adapter', a];
  expect(await sara([...given, '--layers', '*conv1.weight'])).toEqual({
    code: 1,
    signal: null,
    stdout: '',
    stderr: expect.stringMatching(/^sara: no matrix like \*conv1\.weight is changed by every adapter; .*\n$/),
  });
  expect(await sara([...given, '--ranks', '1,two'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--ranks: expected whole numbers such as 4,16,64/),
  });
});
