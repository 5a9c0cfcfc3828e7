/** The golden cases vae/*: moments, samples and decoded pictures of autoencoders; loss and all gradients where stored. */
import { collectGradients, compileLoss } from '../src/autodiff/index.js';
import { graphOf, input, type Value } from '../src/graph/index.js';
import {
  loadNetwork,
  momentsToGaussian,
  VAE,
  type VaeConfig,
  vaeDecode,
  vaeEncode,
} from '../src/models/index.js';
import { type Network, parameterFeeds, Scope } from '../src/nn/index.js';
import { compile, mul, reduceMean, slice, sub } from '../src/ops/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors } from './case.js';
import type { Check } from './check.js';
import { gradientChecks } from './gradients.js';

export async function runVaeCase(folder: string): Promise<Check[]> {
  const golden = await GoldenTensors.read(folder);
  const vae = await loadNetwork(folder, 'vae', VAE);
  const checks = await forwardChecks(vae, golden);
  return golden.has('loss') ? [...checks, ...(await trainingChecks(folder, vae, golden))] : checks;
}

async function forwardChecks(vae: Network<VaeConfig>, golden: GoldenTensors): Promise<Check[]> {
  const scope = Scope.of(vae);
  const image = golden.float32('in.image');
  const latents = golden.float32('in.latents');
  const graph = graphOf({
    moments: vaeEncode(scope, vae.config, input('image', image.shape)),
    decoded: vaeDecode(scope, vae.config, input('latents', latents.shape)),
  });
  const session = await compile(graph);
  const feeds = new Map<string, Tensor>([...parameterFeeds(vae), ['image', image], ['latents', latents]]);
  const outputs = await session.run(feeds);
  await session.dispose();
  const moments = outputs.get('moments') as Tensor<'float32'>;
  const { mean, std } = momentsToGaussian(moments);
  const noise = golden.float32('in.noise').data;
  const sample = tensor(
    mean.shape,
    mean.data.map((value, i) => value + std.data[i]! * noise[i]!),
  );
  return golden.compare(
    {
      'out.moments': moments,
      'out.mean': mean,
      'out.std': std,
      'out.sample': sample,
      'out.decoded': outputs.get('decoded'),
    },
    2e-5,
  );
}

/** loss = mean((decode(encode(x).mean) − x)²) */
async function trainingChecks(
  folder: string,
  vae: Network<VaeConfig>,
  golden: GoldenTensors,
): Promise<Check[]> {
  const scope = Scope.of(vae);
  const pixels = golden.float32('in.train_image');
  const image = input('image', pixels.shape);
  const mean = slice(vaeEncode(scope, vae.config, image), 1, 0, vae.config.latent_channels);
  const reconstruction = vaeDecode(scope, vae.config, mean);
  const difference = sub(reconstruction, image);
  const loss: Value = reduceMean(mul(difference, difference));
  const requests = new Map([...scope.parameters].map(([key, of]) => [key, { of }]));
  const program = await compileLoss({ loss, reconstruction }, requests);
  const result = await program.run(new Map<string, Tensor>([...parameterFeeds(vae), ['image', pixels]]));
  const gradients = await collectGradients(result.gradients);
  await program.dispose();
  const computed = {
    loss: result.outputs.get('loss'),
    'out.reconstruction': result.outputs.get('reconstruction'),
  };
  return [
    ...golden.compare(computed, 2e-5),
    ...(await gradientChecks(folder, golden.all, gradients, { each: 2e-4 })),
  ];
}
