/** `sara export` */
import { z } from 'zod';
import { InputError, UsageError } from '../errors.js';
import { exists } from '../formats/index.js';
import { AdaptedModel, LORA_LAYERS, LORA_NAMES } from '../interop/index.js';
import { loadUNet, SAVE_DTYPES } from '../models/index.js';
import { type AdapterUse, exportOfficialSara, mergeAdapters } from '../peft/index.js';
import { modelSettings } from '../train/model-settings.js';
import { flag, oneOf, text, whole } from '../train/settings.js';
import { adapterSetting } from './adapter-setting.js';
import { loadAdapters, readerFor } from './adapters.js';
import type { CommandSpec } from './command.js';
import { loraReport } from './lora-report.js';
import { showProgress } from './progress.js';

const FORMATS = ['checkpoint', 'comfyui', 'lora', 'official-sara'] as const;

const schema = z.strictObject({
  ...modelSettings,
  adapter: adapterSetting(),
  format: oneOf(FORMATS).meta({
    argument: '<format>',
    help: 'checkpoint (the whole model), comfyui (a patch), lora, or official-sara (a .pt file)',
  }),
  out: text('a file or a folder').meta({
    argument: '<path>',
    help: 'what is written; of a checkpoint a single file if the name ends in .safetensors, else a folder',
  }),
  dtype: oneOf(SAVE_DTYPES)
    .default('float16')
    .meta({ argument: '<type>', help: `${SAVE_DTYPES.join(', ')}; bfloat16 for checkpoints alone` }),
  rank: whole(1).optional().meta({
    argument: '<n>',
    help: 'of a lora: rank of every layer (64; of a LoRA or DoRA adapter its own)',
  }),
  layers: oneOf(LORA_LAYERS)
    .optional()
    .meta({ argument: '<which>', help: `of a lora: ${LORA_LAYERS.join(', ')} (all)` }),
  keys: oneOf(LORA_NAMES)
    .optional()
    .meta({
      argument: '<whose>',
      help: `of a lora: names of its tensors, ${LORA_NAMES.join(', ')} (kohya); peft makes a folder`,
    }),
  threads: whole(1).optional().meta({ argument: '<n>', help: 'of a lora: threads; all cores unless given' }),
  json: flag().default(false).meta({ help: 'the result as JSON on standard output' }),
});
type Settings = z.output<typeof schema>;

const ENDINGS: Readonly<Partial<Record<Settings['format'], string>>> = {
  comfyui: '.safetensors',
  lora: '.safetensors',
  'official-sara': '.pt',
};

export const exportCommand: CommandSpec<typeof schema> = {
  name: 'export',
  summary: 'Write adapters as files of other programs: a whole model, a ComfyUI patch, a LoRA.',
  schema,
  examples: [
    'sara export --model models/sd15 --adapter barbie.safetensors --format checkpoint --out barbie-sd15.safetensors',
    'sara export --model models/sd15 --adapter barbie.safetensors --format comfyui --out barbie-comfyui.safetensors',
    'sara export --model models/sd15 --adapter barbie.safetensors:0.8 --format lora --rank 64 --out barbie-lora.safetensors',
    'sara export --model models/sd15 --adapter barbie.safetensors --format official-sara --out unet.pt',
  ],
  async run(settings) {
    check(settings);
    const { adapter, out, json } = settings;
    if (await exists(out)) throw new InputError(`${out} exists already; name something new with --out`);
    const report = await write(settings, await loadAdapters(adapter, readerFor(settings.model)));
    if (json) console.log(JSON.stringify({ out, ...report.json }));
    else console.log([out, ...report.lines].join('\n'));
    return 0;
  },
};

/** Throws UsageError where settings do not go together. */
function check({ adapter, format, out, dtype, ...others }: Settings): void {
  if (adapter.length === 0)
    throw new UsageError('sara export needs --adapter <file[:scale]>, once or several times');
  for (const name of ['rank', 'layers', 'keys', 'threads'] as const) {
    if (others[name] !== undefined && format !== 'lora')
      throw new UsageError(`--${name} is for --format lora; leave it out for ${format}`);
  }
  const ending = others.keys === 'peft' ? undefined : ENDINGS[format];
  if (ending && !out.endsWith(ending))
    throw new UsageError(
      `--out: expected a name that ends in ${ending} for --format ${format}, got "${out}"`,
    );
  if (dtype === 'bfloat16' && format !== 'checkpoint')
    throw new UsageError(`--dtype: expected float16 or float32 for --format ${format}, got "bfloat16"`);
}

interface Report {
  readonly json: object;
  readonly lines: readonly string[];
}

async function write(settings: Settings, uses: readonly AdapterUse[]): Promise<Report> {
  const { model, predictionType, format, out } = settings;
  if (format === 'official-sara') {
    const unet = await loadUNet(model);
    const [only] = uses;
    const alone = uses.length === 1 && only!.scale === 1;
    const adapter = alone ? only!.adapter : mergeAdapters(unet, uses, { model, dtype: 'float32' });
    await exportOfficialSara(out, unet, adapter, { model });
    return { json: { format }, lines: [] };
  }
  const adapted = await AdaptedModel.open(model, uses, { predictionType });
  for (const conclusion of adapted.conclusions) process.stderr.write(`${model}: ${conclusion}\n`);
  try {
    if (format === 'checkpoint') await adapted.saveCheckpoint(out, settings);
    else if (format === 'lora') return await writeLora(adapted, settings);
    else {
      const tensors = await adapted.saveComfyPatch(out, { dtype: patchDType(settings) });
      return { json: { format, tensors }, lines: [`${tensors} tensors`] };
    }
    return { json: { format }, lines: [] };
  } finally {
    await adapted.close();
  }
}

/** The adapter's own factors where it has some, and else those that come nearest to what it changes. */
async function writeLora(adapted: AdaptedModel, settings: Settings): Promise<Report> {
  const { out, rank, layers, keys = 'kohya', threads, json } = settings;
  const dtype = patchDType(settings);
  if (rank === undefined && layers === undefined) {
    const count = await adapted.saveFactors(out, { names: keys, dtype });
    if (count !== undefined)
      return { json: { format: 'lora', layers: count }, lines: [`${count} layers, as they were trained`] };
  }
  const progress = showProgress('layers', { quiet: json });
  try {
    const lora = await adapted.saveLora(out, {
      names: keys,
      rank: rank ?? 64,
      layers: layers ?? 'all',
      dtype,
      runtime: { threads },
      onLayer: (done, total) => progress.update(done, total),
    });
    return loraReport(lora);
  } finally {
    progress.stop();
  }
}

/** `check` has refused bfloat16. */
function patchDType({ dtype }: Settings): 'float16' | 'float32' {
  return dtype === 'float32' ? 'float32' : 'float16';
}
