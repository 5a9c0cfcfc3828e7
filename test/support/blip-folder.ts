/** A BLIP folder with everything a user's has: a golden case's model, and a processor and a vocabulary for it. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The case's ids: 0 pads, 3 separates, 20 says no and 27 yes; the begin and encode tokens are beyond the vocabulary. */
const NAMED: Readonly<Record<number, string>> = {
  0: '[PAD]',
  1: '[UNK]',
  2: '[CLS]',
  3: '[SEP]',
  20: 'no',
  27: 'yes',
};
const WORDS = 62;

/** A copy of test/fixtures/metrics/<name> whose processor makes pictures of `side` pixels; other words are w4, w5, … */
export async function blipFolder(name: 'blip-caption' | 'bvqa', side = 32): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blip-'));
  for (const file of ['config.json', 'model.safetensors'])
    await cp(join('test/fixtures/metrics', name, file), join(folder, file));
  const pieces = Array.from({ length: WORDS }, (_, id) => NAMED[id] ?? `w${id}`);
  await writeFile(join(folder, 'vocab.txt'), `${pieces.join('\n')}\n`);
  const processor = { size: { height: side, width: side }, image_processor_type: 'BlipImageProcessor' };
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(processor));
  return folder;
}
