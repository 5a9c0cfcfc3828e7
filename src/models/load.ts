/** Reading and writing one network's folder: config.json and safetensors, as diffusers and transformers have them. */
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { readJson, writeFileAtomic, writeSafetensors } from '../formats/index.js';
import { formatPythonJson } from '../formats/python-json.js';
import { type Parameters, Scope, type Weight } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import type { JsonObject } from './config.js';
import type { NetworkKind, SavableNetwork } from './network-kind.js';
import { inPrecision, type SaveDType } from './precision.js';
import { openWeights, readHalf, readWeight, type Weights } from './weights.js';

const jsonObject = z.record(z.string(), z.unknown());

/** How many keys an error lists. */
const LISTED = 5;

/**
 * Reads a component's folder. Weights in float32, float16 or bfloat16 become float32; or stay float16, where they are.
 * Throws InputError where a file is missing or broken, the config asks for what is not supported, or a weight is
 * missing, misshapen or unexpected.
 */
export async function loadNetwork<Config>(
  folder: string,
  name: string,
  kind: NetworkKind<Config>,
  dtype: Weight['dtype'] = 'float32',
): Promise<SavableNetwork<Config>> {
  const json = await readJson(join(folder, 'config.json'), jsonObject);
  const weights = await openWeights(folder, kind.weights);
  try {
    return await readNetwork(name, kind, json, weights, dtype);
  } finally {
    await weights.close();
  }
}

/** A network of a config.json and opened weights. Throws InputError as `loadNetwork` does. */
export async function readNetwork<Config>(
  name: string,
  kind: NetworkKind<Config>,
  json: JsonObject,
  weights: Weights,
  dtype: Weight['dtype'] = 'float32',
): Promise<SavableNetwork<Config>> {
  const config = kind.parseConfig(json);
  const parameters: Parameters = new Map();
  const read = dtype === 'float16' ? readHalf : readWeight;
  for (const key of declaredKeys(name, kind, config, weights)) {
    parameters.set(key, await read(weights, key));
  }
  return { name, kind, json, config, parameters };
}

/**
 * The keys of the network's weights in the order it declares them, before anything is read. Throws InputError where one
 * is missing, misshapen or unexpected.
 */
export function declaredKeys<Config>(
  name: string,
  kind: NetworkKind<Config>,
  config: Config,
  { place, tensors }: Weights,
): string[] {
  const keys = [...tensors.keys()].filter((key) => !kind.ignored?.test(key));
  // Shapes are all that a scope looks at.
  const none = new Float32Array(0);
  const shapes = keys.map((key) => {
    const { shape } = tensors.get(key)!;
    return [key, { dtype: 'float32', shape, data: none } as Tensor<'float32'>] as const;
  });
  const scope = Scope.of({ name: place, parameters: new Map(shapes) });
  kind.declare(scope, config);
  const unexpected = keys.filter((key) => !scope.parameters.has(key));
  if (unexpected.length > 0) {
    const listed = unexpected.slice(0, LISTED).map((key) => `"${key}"`);
    const more = unexpected.length > LISTED ? ` and ${unexpected.length - LISTED} more` : '';
    throw new InputError(
      `${place}: the checkpoint has ${listed.join(', ')}${more}, which the ${name} of this configuration lacks; take the config.json that belongs to it`,
    );
  }
  return [...scope.parameters.keys()];
}

/** Writes config.json and the weights under the keys they were read with. Throws InputError where the system refuses. */
export async function saveNetwork(
  folder: string,
  network: SavableNetwork,
  { dtype = 'float32' }: { dtype?: SaveDType } = {},
): Promise<void> {
  await writeFileAtomic(join(folder, 'config.json'), formatPythonJson(network.json));
  const tensors = [...network.parameters].map(
    ([key, weight]) => [key, inPrecision(network.name, key, weight, dtype)] as const,
  );
  const path = join(folder, `${network.kind.weights}.safetensors`);
  await writeSafetensors(path, new Map(tensors), { format: 'pt' });
}
