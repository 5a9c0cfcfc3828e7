/** Writing a model as a single file, tensor by tensor. */
import { InputError } from '../../errors.js';
import { type LazyTensor, writeSafetensors } from '../../formats/index.js';
import { tensor } from '../../tensor/index.js';
import type { JsonObject } from '../config.js';
import {
  checkWeights,
  type ModelFiles,
  NETWORK_KINDS,
  type NetworkFiles,
  type NetworkName,
} from '../model-files.js';
import type { Weights } from '../weights.js';
import { FAMILIES, type Family, type PredictionType, UNET_PREFIX, VAE_PREFIX } from './families.js';
import { describeModel } from './header.js';
import { type Form, type Place, toOriginal } from './stored-tensors.js';
import { originalTextPlace } from './text-keys.js';
import { originalUNetKeys } from './unet-keys.js';
import { originalVaePlace } from './vae-keys.js';

/**
 * Writes a single file that the programs for original files read: the model's tensors as they are, under their original
 * names, and in the header what the format has no place for. Throws InputError where weights are missing, misshapen or
 * unexpected, or the system refuses.
 */
export async function writeSingleFile(path: string, model: ModelFiles): Promise<void> {
  const family = familyOfModel(model);
  const { prediction_type, rescale_betas_zero_snr } = model.scheduler;
  const prediction: PredictionType = prediction_type === 'v_prediction' ? 'v_prediction' : 'epsilon';
  const tensors = new Map<string, LazyTensor>();
  for (const [name, network] of model.networks) {
    for (const [key, original] of originalTensors(family, name, network)) tensors.set(key, original);
  }
  if (family.name === 'sdxl' && prediction === 'v_prediction') {
    tensors.set('v_pred', EMPTY);
    if (rescale_betas_zero_snr === true) tensors.set('ztsnr', EMPTY);
  }
  await writeSafetensors(path, tensors, await describeModel(model, family, prediction));
}

/** A network's tensors by original keys. */
function originalTensors(
  family: Family,
  name: NetworkName,
  { json, weights }: NetworkFiles,
): Map<string, LazyTensor> {
  checkWeights(name, json, weights);
  const { prefix, placeOf } = placesOf(family, name, json, weights);
  const parts = new Map<string, Map<Form, LazyTensor>>();
  for (const [key, tensor] of weights.tensors) {
    const place = placeOf(key);
    const own = parts.get(place.key) ?? new Map<Form, LazyTensor>();
    parts.set(place.key, own.set(place.form, tensor));
  }
  return new Map([...parts].map(([key, forms]) => [prefix + key, toOriginal(prefix + key, forms)]));
}

/** A mark that ComfyUI looks for: only its name says something. */
const EMPTY: LazyTensor = { dtype: 'float32', shape: [0], load: () => tensor([0], new Float32Array(0)) };

/** Which family's names a folder's weights get. */
function familyOfModel({ modelIndex, networks }: ModelFiles): Family {
  if (networks.has('text_encoder_2')) return FAMILIES.sdxl;
  const text = networks.get('text_encoder');
  if (!text) {
    throw new InputError(
      `a ${modelIndex._class_name} has no text_encoder, which Stable Diffusion's single files need; take a whole model`,
    );
  }
  // OpenCLIP's activation is the exact one.
  return text.json.hidden_act === 'gelu' ? FAMILIES.sd2 : FAMILIES.sd1;
}

interface Places {
  readonly prefix: string;
  placeOf(key: string): Place;
}

function placesOf(family: Family, name: NetworkName, json: JsonObject, { tensors }: Weights): Places {
  switch (name) {
    case 'unet': {
      const originals = originalUNetKeys(NETWORK_KINDS.unet.parseConfig(json), tensors.keys());
      return { prefix: UNET_PREFIX, placeOf: (key) => ({ key: originals.get(key)!, form: 'same' }) };
    }
    case 'vae': {
      const levels = NETWORK_KINDS.vae.parseConfig(json).block_out_channels.length;
      return { prefix: VAE_PREFIX, placeOf: (key) => originalVaePlace(key, levels) };
    }
    default: {
      const encoder = family.textEncoders.find((candidate) => candidate.name === name)!;
      return { prefix: encoder.prefixes[0]!, placeOf: (key) => originalTextPlace(encoder, key) };
    }
  }
}
