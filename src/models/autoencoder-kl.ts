/** The autoencoder between pictures and latents: diffusers' AutoencoderKL (models/autoencoders/autoencoder_kl.py at 58eb52c). */
import type { Value } from '../graph/index.js';
import { conv1x1, type Scope } from '../nn/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import type { VaeConfig } from './autoencoder-kl-config.js';
import { decoder, encoder } from './vae.js';

/** image [N, 3, H, W] in [−1, 1] → moments [N, 2C, h, w]: means, then log variances. Nothing is scaled or shifted. */
export function vaeEncode(scope: Scope, config: VaeConfig, image: Value): Value {
  const moments = encoder(scope.at('encoder'), config, image);
  return config.use_quant_conv
    ? conv1x1(scope.at('quant_conv'), moments, 2 * config.latent_channels)
    : moments;
}

/** latents [N, C, h, w], neither scaled nor shifted → image [N, 3, H, W] */
export function vaeDecode(scope: Scope, config: VaeConfig, latents: Value): Value {
  const z = config.use_post_quant_conv
    ? conv1x1(scope.at('post_quant_conv'), latents, config.latent_channels)
    : latents;
  return decoder(scope.at('decoder'), config, z);
}

/** The Gaussian that moments [N, 2C, h, w] describe: mean and standard deviation [N, C, h, w], log variance within [−30, 20]. */
export function momentsToGaussian({ shape, data }: Tensor<'float32'>): {
  mean: Tensor<'float32'>;
  std: Tensor<'float32'>;
} {
  const [batch, twice, height, width] = shape as [number, number, number, number];
  const half = (twice / 2) * height * width;
  const part = [batch, twice / 2, height, width];
  const mean = new Float32Array(batch * half);
  const std = new Float32Array(batch * half);
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < half; i++) {
      const logVariance = Math.min(20, Math.max(-30, data[(2 * n + 1) * half + i]!));
      mean[n * half + i] = data[2 * n * half + i]!;
      std[n * half + i] = Math.exp(0.5 * logVariance);
    }
  }
  return { mean: tensor(part, mean), std: tensor(part, std) };
}

/** Latents as diffusion models take them: (z − shift_factor) · scaling_factor. */
export function scaleLatents(config: VaeConfig, { shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const { scaling_factor, shift_factor } = config;
  return tensor(
    shape,
    data.map((z) => (z - shift_factor) * scaling_factor),
  );
}

/** The inverse of scaleLatents: z / scaling_factor + shift_factor. */
export function unscaleLatents(config: VaeConfig, { shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const { scaling_factor, shift_factor } = config;
  return tensor(
    shape,
    data.map((z) => z / scaling_factor + shift_factor),
  );
}
