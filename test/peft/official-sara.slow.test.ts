/**
 * The official SaRA itself reads what this program writes for it. PYTHON names an interpreter with torch and diffusers,
 * SARA a checkout of github.com/sjtuplayer/SaRA; without them the test says what is missing.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeSafetensors } from '../../src/formats/index.js';
import { loadNetwork, UNET } from '../../src/models/index.js';
import { applyAdapters, exportOfficialSara } from '../../src/peft/index.js';
import { saraAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

const PYTHON = process.env.PYTHON ?? 'python3';
const { SARA } = process.env;

const python = (...args: string[]) => spawnSync(PYTHON, args, { encoding: 'utf8' });

it('load_params gives the weights with the adapter on them', async (context) => {
  if (!SARA) return context.skip('SARA does not name a checkout of the official SaRA');
  const packages = 'torch, diffusers, safetensors';
  if (python('-c', `import ${packages}`).status !== 0)
    return context.skip(`${PYTHON} has not all of ${packages}; name another with PYTHON`);
  const folder = await temporaryFolder();
  await writeTinyModel(join(folder, 'model'));
  const unet = await loadNetwork(join(folder, 'model', 'unet'), 'unet', UNET);
  const adapter = saraAdapter(unet, 0.05);
  const file = join(folder, 'unet.pt');
  await exportOfficialSara(file, unet, adapter);
  applyAdapters(unet, [{ adapter }]);
  const expected = join(folder, 'expected.safetensors');
  await writeSafetensors(expected, unet.parameters);

  const script = 'test/python/load_official_sara.py';
  const { status, stdout, stderr } = python(script, join(folder, 'model', 'unet'), file, expected);
  expect(status, stderr).toBe(0);
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(result).toMatchObject({ tensors: unet.parameters.size, wrong: 0 });
  expect(result.changed).toBeGreaterThan(1000);
});
