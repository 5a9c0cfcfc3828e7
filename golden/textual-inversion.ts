/** The golden cases peft/text-encoder and peft/textual-inversion: a text encoder, and steps that train one row of its table. */
import { join } from 'node:path';
import { graphOf, input } from '../src/graph/index.js';
import { readEmbedding } from '../src/interop/index.js';
import { clipTextModel, tokenTable, withTableRows } from '../src/models/index.js';
import { parameterFeeds, Scope } from '../src/nn/index.js';
import { compile } from '../src/ops/index.js';
import { type AdamW, createOptimizer, type Gradients, selectedValues } from '../src/peft/index.js';
import { tensor, toFloat32 } from '../src/tensor/index.js';
import { Stepper } from '../src/train/stepper.js';
import { elementAt, GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';
import { GivenTargetObjective, loadTextEncoder } from './given-target.js';
import { DATA, loadBase } from './sara.js';

export async function runTextEncoderCase(folder: string): Promise<Check[]> {
  const golden = await GoldenTensors.read(folder, DATA);
  const encoder = await loadTextEncoder(folder);
  const ids = golden.int32('in.input_ids');
  const { lastHiddenState } = clipTextModel(Scope.of(encoder), encoder.config, {
    inputIds: input('ids', ids.shape, 'int32'),
  });
  const session = await compile(graphOf({ lastHiddenState }));
  const found = await session.run(new Map([...parameterFeeds(encoder), ['ids', ids]]));
  await session.dispose();
  const quantity = 'out.last_hidden_state';
  const error = absMax(found.get('lastHiddenState')!.data as Float32Array, golden.float32(quantity).data);
  return [{ quantity, error, tolerance: 5e-6 }];
}

interface Description {
  class_token: number;
  new_token: number;
  /** In words; the rate is the number after "lr". */
  optimizer: string;
  losses: number[];
}

export async function runTextualInversionCase(folder: string): Promise<Check[]> {
  const { class_token, new_token, optimizer: words, losses } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const unet = await loadBase(join(folder, '../../sara/base'));
  const base = await loadTextEncoder(join(folder, '../text-encoder'));
  const { weight } = tokenTable(base);
  const width = weight.shape[1]!;
  const row = toFloat32(weight).slice(class_token * width, (class_token + 1) * width);
  const encoder = withTableRows(base, tensor([1, width], row));

  const learningRate = Number(/lr ([\d.e-]+)/.exec(words)![1]);
  const optimizer = createOptimizer('textual-inversion', encoder, { learningRate }) as AdamW;
  const gradients: number[] = [];
  const update = optimizer.update.bind(optimizer);
  optimizer.update = (given, options) => update(recorded(given, gradients), options);
  const stepper = new Stepper(new GivenTargetObjective(unet, encoder), optimizer);
  const found: number[] = [];
  const rows: number[] = [];
  for (const step of losses.keys()) {
    const batch = {
      latents: elementAt(golden.get('in.latents'), step),
      noise: elementAt(golden.get('in.target'), step),
      timesteps: elementAt(golden.get('in.timesteps'), step).data,
      condition: elementAt(golden.get('in.input_ids'), step),
    } as Parameters<typeof stepper.evaluate>[0];
    found.push((await stepper.step([batch])).loss);
    rows.push(...selectedValues(optimizer.tensors[0]!));
  }
  await stepper.dispose();

  const table = toFloat32(tokenTable(encoder).weight);
  const wanted = golden.float32('grad.rows').data;
  const files = ['learned_embeds.safetensors', 'kohya.safetensors'];
  const last = golden.float32('out.rows').data.slice(-width);
  return [
    { quantity: 'in.row', error: mismatches(row, golden.float32('in.row').data), tolerance: 0 },
    {
      quantity: 'losses',
      error: Math.max(...losses.map((loss, i) => Math.abs(found[i]! - loss) / loss)),
      tolerance: 1e-5,
    },
    { quantity: 'grad.rows beyond rtol 2e-4', error: beyond(gradients, wanted, 2e-4), tolerance: 3e-6 },
    { quantity: 'out.rows', error: absMax(rows, golden.float32('out.rows').data), tolerance: 5e-6 },
    {
      quantity: 'other rows',
      error: mismatches(table.slice(0, new_token * width), toFloat32(weight)),
      tolerance: 0,
    },
    ...(await Promise.all(
      files.map(async (file) => {
        const { rows: read } = await readEmbedding(join(folder, file));
        return { quantity: file, error: mismatches(read[0]!.data, last), tolerance: 0 };
      }),
    )),
  ];
}

/** The gradients as they are, each kept. */
async function* recorded(gradients: Gradients, kept: number[]) {
  for await (const [name, gradient] of gradients) {
    kept.push(...gradient);
    yield [name, gradient] as const;
  }
}

/** The largest difference beyond a relative tolerance. */
function beyond(actual: ArrayLike<number>, expected: Float32Array, rtol: number): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return Math.max(...expected.map((want, i) => Math.abs(actual[i]! - want) - rtol * Math.abs(want)));
}
