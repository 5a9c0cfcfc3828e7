/** The golden cases text/* of CLIP encoders: hidden states and pooled states; loss and all gradients where stored. */
import { collectGradients, compileLoss } from '../src/autodiff/index.js';
import { graphOf, input, type Value } from '../src/graph/index.js';
import {
  CLIP_TEXT,
  type ClipTextConfig,
  clipFinalLayerNorm,
  clipTextModel,
  loadNetwork,
  pooledRows,
} from '../src/models/index.js';
import { type Network, parameterFeeds, Scope } from '../src/nn/index.js';
import { compile, mul, reduceMean, sub } from '../src/ops/index.js';
import type { Tensor } from '../src/tensor/index.js';
import { GoldenTensors } from './case.js';
import type { Check } from './check.js';
import { gradientChecks } from './gradients.js';

export async function runTextCase(folder: string): Promise<Check[]> {
  const golden = await GoldenTensors.read(folder);
  const encoder = await loadNetwork(folder, 'text_encoder', CLIP_TEXT);
  const checks = await forwardChecks(encoder, golden);
  return golden.has('loss') ? [...checks, ...(await trainingChecks(folder, encoder, golden))] : checks;
}

async function forwardChecks(encoder: Network<ClipTextConfig>, golden: GoldenTensors): Promise<Check[]> {
  const scope = Scope.of(encoder);
  const ids = golden.int32('in.input_ids');
  const rows = pooledRows(encoder.config, ids);
  const { lastHiddenState, hiddenStates, pooled, textEmbeds } = clipTextModel(scope, encoder.config, {
    inputIds: input('input_ids', ids.shape, 'int32'),
    pooledRows: input('pooled_rows', rows.shape, 'int32'),
  });
  const penultimate = hiddenStates.at(-2)!;
  const outputs = new Map<string, Value>([
    ['out.last_hidden_state', lastHiddenState],
    ['out.penultimate', penultimate],
    ['out.penultimate_normed', clipFinalLayerNorm(scope, encoder.config, penultimate)],
    ['out.pooler_output', pooled!],
    ...hiddenStates.map((state, i) => [`out.hidden_states.${i}`, state] as const),
  ]);
  if (textEmbeds) outputs.set('out.text_embeds', textEmbeds);
  const session = await compile(graphOf(outputs));
  const feeds = new Map<string, Tensor>([
    ...parameterFeeds(encoder),
    ['input_ids', ids],
    ['pooled_rows', rows],
  ]);
  const computed = await session.run(feeds);
  await session.dispose();
  return golden.compare(Object.fromEntries(computed), 1e-5);
}

/** loss = mean((last hidden state − target)²) */
async function trainingChecks(
  folder: string,
  encoder: Network<ClipTextConfig>,
  golden: GoldenTensors,
): Promise<Check[]> {
  const scope = Scope.of(encoder);
  const ids = golden.int32('in.input_ids');
  const target = golden.float32('in.target');
  const inputIds = input('input_ids', ids.shape, 'int32');
  const { lastHiddenState } = clipTextModel(scope, encoder.config, { inputIds });
  const difference = sub(lastHiddenState, input('target', target.shape));
  const requests = new Map([...scope.parameters].map(([key, of]) => [key, { of }]));
  const program = await compileLoss({ loss: reduceMean(mul(difference, difference)) }, requests);
  const result = await program.run(
    new Map<string, Tensor>([...parameterFeeds(encoder), ['input_ids', ids], ['target', target]]),
  );
  const gradients = await collectGradients(result.gradients);
  await program.dispose();
  return [
    ...golden.compare({ loss: result.outputs.get('loss') }, 1e-5),
    ...(await gradientChecks(folder, golden.all, gradients, { each: 1e-4 })),
  ];
}
