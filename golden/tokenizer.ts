/** The golden cases tokenizer/clip*: ids of many texts, padded as Stable Diffusion 1 and 2 do and untruncated. */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClipTokenizer } from '../src/formats/index.js';
import { GoldenTensors } from './case.js';
import { type Check, mismatches } from './check.js';

export async function runTokenizerCase(folder: string): Promise<Check[]> {
  const texts: string[] = JSON.parse(await readFile(join(folder, 'prompts.json'), 'utf8'));
  const golden = await GoldenTensors.read(folder);
  const first = await ClipTokenizer.load(folder);
  const second = await loadSecond(folder);
  const ids = (tokenizer: ClipTokenizer) => texts.flatMap((text) => tokenizer.encode(text));
  const whole = texts.map((text) => first.encodeUntruncated(text));
  const offsets = [0];
  for (const { length } of whole) offsets.push(offsets.at(-1)! + length);
  const computed = {
    'out.input_ids_sd15': ids(first),
    'out.input_ids_sd2': ids(second),
    'out.whole_offsets': offsets,
    'out.whole_ids': whole.flat(),
  };
  return Object.entries(computed).map(([quantity, actual]) => ({
    quantity,
    error: mismatches(actual, golden.int32(quantity).data),
    tolerance: 0,
  }));
}

/** The tokenizer of SD 2: the same vocabulary with the settings in sd2/. */
async function loadSecond(folder: string): Promise<ClipTokenizer> {
  const joined = await mkdtemp(join(tmpdir(), 'golden-tokenizer-'));
  try {
    for (const file of ['vocab.json', 'merges.txt']) await copyFile(join(folder, file), join(joined, file));
    for (const file of ['tokenizer_config.json', 'special_tokens_map.json'])
      await copyFile(join(folder, 'sd2', file), join(joined, file));
    return await ClipTokenizer.load(joined);
  } finally {
    await rm(joined, { recursive: true });
  }
}
