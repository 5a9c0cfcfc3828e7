/** What this program says in the header of a single file beyond its weights, so that a folder can be made of it again. */
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { parseJson, type TokenizerFiles } from '../../formats/index.js';
import { formatPythonJson, parsePythonJson } from '../../formats/python-json.js';
import type { JsonObject } from '../config.js';
import type { ModelFiles, NetworkName, TokenizerName } from '../model-files.js';
import { clipTokenizerFiles, isClipTokenizer } from './clip-tokenizer-files.js';
import type { Family, PredictionType } from './families.js';

const CONFIGS = 'sara-diffusion.configs';
const TOKENIZERS = 'sara-diffusion.tokenizers';

export type Metadata = Readonly<Record<string, string>>;

/** Configurations as a folder had them: model_index.json, scheduler_config.json, and each network's config.json. */
export interface StatedConfigs {
  readonly modelIndex: JsonObject;
  readonly scheduler: JsonObject;
  readonly networks: Readonly<Partial<Record<NetworkName, JsonObject>>>;
}

const object = z.record(z.string(), z.unknown());
const configsSchema = z.object({
  modelIndex: object,
  scheduler: object,
  networks: z.partialRecord(z.enum(['unet', 'vae', 'text_encoder', 'text_encoder_2']), object),
});
const tokenizersSchema = z.partialRecord(
  z.enum(['tokenizer', 'tokenizer_2']),
  z.record(z.string(), z.string()),
);

/** The configurations that this program wrote; undefined in files of others. Throws InputError where they are broken. */
export function statedConfigs(path: string, metadata: Metadata): StatedConfigs | undefined {
  const text = metadata[CONFIGS];
  if (text === undefined) return undefined;
  const place = `${CONFIGS} of ${path}`;
  const configs = configsSchema.safeParse(parsePythonJson(text, place));
  if (configs.success) return configs.data;
  throw new InputError(`cannot use ${place}: ${configs.error.issues[0]!.message}; convert the model again`);
}

/** What the model predicts, where any program has said it in the way of Stability's ModelSpec or of ComfyUI. */
export function statedPrediction(metadata: Metadata): PredictionType | undefined {
  switch (metadata['modelspec.prediction_type'] ?? metadata['modelspec.predict_key']) {
    case 'epsilon':
      return 'epsilon';
    case 'v':
    case 'v_prediction':
      return 'v_prediction';
    default:
      return undefined;
  }
}

/** The tokenizers of a file: those that it brings along, CLIP's for the others. Throws InputError where they are broken. */
export async function statedTokenizers(
  path: string,
  metadata: Metadata,
  family: Family,
): Promise<Map<TokenizerName, TokenizerFiles>> {
  const text = metadata[TOKENIZERS];
  const stated = text === undefined ? {} : parseJson(text, `${TOKENIZERS} of ${path}`, tokenizersSchema);
  const tokenizers = new Map<TokenizerName, TokenizerFiles>();
  for (const { tokenizer, pad } of family.textEncoders) {
    const own = stated[tokenizer];
    tokenizers.set(
      tokenizer,
      own
        ? new Map(Object.entries(own).map(([name, content]) => [name, Buffer.from(content)]))
        : await clipTokenizerFiles(pad),
    );
  }
  return tokenizers;
}

/** Metadata for a single file of this model: ModelSpec's, the configurations, and tokenizers that are not CLIP's. */
export async function describeModel(
  model: ModelFiles,
  family: Family,
  prediction: PredictionType,
): Promise<Metadata> {
  const configs: StatedConfigs = {
    modelIndex: model.modelIndex,
    scheduler: model.scheduler,
    networks: Object.fromEntries([...model.networks].map(([name, { json }]) => [name, json])),
  };
  const own: Partial<Record<TokenizerName, Record<string, string>>> = {};
  for (const { tokenizer, pad } of family.textEncoders) {
    const files = model.tokenizers.get(tokenizer);
    if (!files || (await isClipTokenizer(files, pad))) continue;
    own[tokenizer] = Object.fromEntries(
      [...files].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]),
    );
  }
  const { architecture } = family.by[prediction];
  return {
    format: 'pt',
    'modelspec.sai_model_spec': '1.0.0',
    'modelspec.architecture': architecture,
    'modelspec.implementation': 'https://github.com/Stability-AI/generative-models',
    'modelspec.title': family.title,
    'modelspec.prediction_type': prediction === 'epsilon' ? 'epsilon' : 'v',
    [CONFIGS]: formatPythonJson(configs),
    ...(Object.keys(own).length > 0 && { [TOKENIZERS]: JSON.stringify(own) }),
  };
}
