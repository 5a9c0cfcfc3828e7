/** `sara methods`: what each method trains, and what it costs. */
import { z } from 'zod';
import { modelConfigs, openModel, unetParameterShapes } from '../models/index.js';
import { METHOD_NAMES, METHODS, type MethodName } from '../peft/index.js';
import { sizeOf } from '../tensor/index.js';
import { settingsOf } from '../train/method-settings.js';
import { count, flag, kebab, text } from '../train/settings.js';
import type { CommandSpec } from './command.js';
import { bytes, table, thousands } from './text.js';

/** Weights of the UNet of Stable Diffusion 1.5. */
const SD15 = 859_520_964;

const schema = z.strictObject({
  model: text('a model folder or file')
    .optional()
    .meta({ argument: '<path>', help: 'count for this model; Stable Diffusion 1.5 unless given' }),
  params: count().default(20_000_000).meta({ argument: '<n>', help: 'count for so many trained weights' }),
  json: flag().default(false).meta({ help: 'as JSON' }),
});

interface MethodReport {
  name: MethodName;
  trains: string;
  /** Entries that train, of the network or beside it. */
  trained: number;
  /** What the optimizer keeps for them. */
  stateBytes: number;
  /** What it keeps meanwhile, where it first finds out what to train. */
  searchBytes: number | null;
  /** Which gradients have to be there in training; in a search those of whole weights. */
  gradients: string;
  /** Whether what is learned can be added to the weights. */
  merges: boolean;
  /** Its settings, beside those of every method. */
  settings: string[];
}

export const methods: CommandSpec<typeof schema> = {
  name: 'methods',
  summary: 'List the methods of fine-tuning: what each trains, and what it costs.',
  schema,
  examples: ['sara methods', 'sara methods --model models/emoji --params 500k'],
  async run({ model, params, json }) {
    const total = model === undefined ? SD15 : await weightsOf(model);
    const reports = METHOD_NAMES.map((name) => reportOf(name, Math.min(params, total), total));
    console.log(
      json ? JSON.stringify({ weights: total, methods: reports }, null, 2) : describe(reports, total),
    );
    return 0;
  },
};

async function weightsOf(model: string): Promise<number> {
  const files = await openModel(model);
  const shapes = unetParameterShapes(modelConfigs(files).unet);
  await files.close();
  return [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
}

function reportOf(name: MethodName, params: number, total: number): MethodReport {
  const { trains, cost, adaptation } = METHODS[name];
  const trained = cost.gradients === 'whole weights' ? total : params;
  return {
    name,
    trains,
    trained,
    stateBytes: trained * cost.state.float32,
    searchBytes: cost.search ? total * cost.search.state : null,
    gradients: cost.gradients,
    merges: adaptation === undefined,
    settings: settingsOf(name).map((setting) => `--${kebab(setting)}`),
  };
}

function describe(reports: readonly MethodReport[], total: number): string {
  const head = ['method', 'trained', 'optimizer', 'in its search', 'gradients', 'merges'];
  const rows = reports.map(({ name, trained, stateBytes, searchBytes, gradients, merges }) => [
    name,
    thousands(trained),
    bytes(stateBytes),
    searchBytes === null ? '–' : bytes(searchBytes),
    gradients,
    merges ? 'yes' : 'no',
  ]);
  const trains = reports.map(({ name, trains, settings }) => [
    `${name}: ${trains}`,
    `  ${settings.join(' ') || 'no settings of its own'}`,
  ]);
  return [
    `Of a UNet with ${thousands(total)} weights in float32:`,
    table([head, ...rows]),
    'Memory is what is kept beside the weights. A search needs the gradients of whole weights.',
    trains.flat().join('\n'),
  ].join('\n\n');
}
